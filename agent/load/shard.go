package load

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"ringback/media"
	"ringback/media/audio"
	"ringback/sip"
	"ringback/sip/loop"
	"ringback/sip/transport"
)

// registerApart is between two registrations of agents, and registerRate how many users register in a second, where
// there is one generator: a PBX that all users come to at once would say more about that than about its work. Those who
// are no agents come a few at a time, so that one waking of the generator does for all of them.
const (
	registerApart    = 5 * time.Millisecond
	registerRate     = 400
	registerTogether = 4
)

// phone is one user.
type phone struct {
	account *sip.Account
	seat    *seat
	binding *sip.Registration
	status  sip.RegistrationStatus
	ever    bool // it was registered
	settled bool // it was, or was refused
	away    bool // it has gone, and comes back
	row     vars
}

// target is whom a plan calls: text where the data make it another with each call.
type target struct {
	uri  sip.URI
	text string
}

// seat is a user agent, with what calls from there say of their address.
type seat struct {
	ua       *sip.UA
	ip       netip.Addr
	inactive []byte // inactiveSDP of it
}

// shard is one loop with its user agents and its part of the users. Its loop owns
// all fields.
type shard struct {
	plan        *Plan
	apart       time.Duration // between registerTogether registrations and the next
	loop        *loop.Loop
	seats       []*seat
	engine      *media.Engine // nil: signalling only
	rng         *rand.Rand
	phones      []*phone
	caller      int // whose turn it is
	to          []target
	rows        []vars // of the plan's data
	callee      int
	sound       *sound
	headerNames []string
	tally       *tally
	inStep      [][]*tally // what counts: each has tally; by the plan's steps, where it has some
	calls       map[*call]struct{}
	guests      map[*guest]struct{} // calls that came to users
	speaker     *speaker            // what they hear; nil: nobody answers
	tell        tellers
	past        []sip.CallID // calls that have ended, whose last messages may come
	// messages of the calls that are up, or were until now; nil: nobody asks
	ladders  map[sip.CallID]*callLadder
	settling []CallResult // calls that failed, and are not told yet
	ending   bool         // no call begins any more
	leaving  int          // users that churn sends away, and whose PBX has not answered yet
	gone     func()       // told of each of them; nil: nobody waits
	idle     func()       // told once no call is left
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// shardConfig is what a shard is made from.
type shardConfig struct {
	plan    *Plan
	shards  int // of all generators under the test
	users   []user
	rows    []vars
	sound   *sound
	network transport.Network
	tell    tellers
	engine  *media.Engine
	speaker *speaker // nil: users answer no calls
	sources []source // one at least
	seed    uint64
	log     *slog.Logger
}

func newShard(c shardConfig) (*shard, error) {
	s := &shard{plan: c.plan, apart: registerTogether * time.Second / registerRate * time.Duration(c.shards), loop: loop.New(c.log), engine: c.engine, rng: rand.New(rand.NewPCG(c.seed, 0)), tally: newTally(), calls: map[*call]struct{}{}, guests: map[*guest]struct{}{}, tell: c.tell,
		rows: c.rows, sound: c.sound, headerNames: slices.Sorted(maps.Keys(c.plan.Calls.Headers))}
	if c.tell.ladders {
		s.ladders = map[sip.CallID]*callLadder{}
	}
	if c.speaker != nil {
		s.speaker = &speaker{engine: c.speaker.engine, says: c.speaker.says, sound: c.speaker.sound, rng: s.rng}
	}
	err := s.sits(c)
	if err == nil {
		err = s.people(c.users)
	}
	if err != nil {
		s.leave(context.Background())
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.done.Go(func() { s.loop.Run(ctx) })
	return s, nil
}

// sits makes a user agent at each source.
func (s *shard) sits(c shardConfig) error {
	listen := "udp"
	if c.plan.Account.Transport != "udp" {
		listen = "tcp"
	}
	var trace func(sip.TraceRecord)
	if c.tell.ladders {
		trace = s.trace
	}
	limits := sip.Limits{Sessions: maxCalls, InvitesPerSec: maxRate, Subscriptions: 1}
	for _, at := range c.sources {
		sits := &seat{}
		var takes sip.Handler
		if s.speaker != nil {
			takes = &door{s, sits}
		}
		ua, err := sip.NewUA(sip.Config{Loop: s.loop, Handler: takes, Network: c.network, Log: c.log, UserAgent: "Ringback load", Limits: limits, Trace: trace,
			Listen: []sip.Listen{{Transport: listen, Address: at.String()}}, TLS: sip.TLSConfig{CAFile: c.plan.Account.CAFile}, WSPath: c.plan.Account.WSPath})
		if err != nil {
			return fmt.Errorf("%w: account.sources and bind take addresses of this machine, and ports that are free", err)
		}
		ip := ua.LocalAddr(listen).Addr()
		*sits = seat{ua, ip, inactiveSDP(ip)}
		s.seats = append(s.seats, sits)
	}
	return nil
}

// leave closes the user agents; what is under way is waited for as long as ctx lasts.
func (s *shard) leave(ctx context.Context) {
	var all sync.WaitGroup
	for _, at := range s.seats {
		all.Go(func() { _ = at.ua.Close(ctx) })
	}
	all.Wait()
}

// people makes the accounts and the targets.
func (s *shard) people(users []user) error {
	a := s.plan.Account
	registrar, err := sip.ParseURI(a.Registrar)
	if err != nil {
		return fmt.Errorf("account.registrar: %w", err)
	}
	var proxy *sip.URI
	if a.Proxy != "" {
		uri, err := sip.ParseURI(a.Proxy)
		if err != nil {
			return fmt.Errorf("account.proxy: %w", err)
		}
		proxy = &uri
	}
	for i, u := range users {
		aor := registrar
		aor.User, aor.Port = u.name, 0
		account := &sip.Account{AOR: aor, Username: u.name, Password: u.password, Registrar: registrar, Proxy: proxy, Transport: a.Transport, Expires: a.Expires}
		if err := account.Validate(); err != nil {
			return fmt.Errorf("user %s: %w", u.name, err)
		}
		s.phones = append(s.phones, &phone{account: account, seat: s.seats[i%len(s.seats)], row: u.row})
	}
	for _, to := range s.plan.Calls.To {
		if len(variables(to)) > 0 {
			s.to = append(s.to, target{text: to})
			continue
		}
		uri, err := sip.ParseURI(to)
		if err != nil {
			return fmt.Errorf("calls.to: %w", err)
		}
		s.to = append(s.to, target{uri: uri})
	}
	return nil
}

// register lets the users register, one after the other, and tells once each was
// or was refused.
func (s *shard) register(settled func()) {
	open := len(s.phones)
	for i, p := range s.phones {
		s.loop.After(time.Duration(i/registerTogether)*s.apart, func() {
			s.binds(p, func() {
				if open--; open == 0 {
					settled()
				}
			})
		})
	}
}

// binds registers one user, and tells once it was or was refused.
func (s *shard) binds(p *phone, settled func()) {
	asked := s.loop.Now()
	p.settled = false
	p.binding = p.seat.ua.Register(p.account, func(st sip.RegistrationStatus) {
		if p.away {
			return
		}
		s.registration(p, st, asked)
		p.status = st
		p.ever = p.ever || st.State == sip.Registered
		if !p.settled && (st.State == sip.Registered || st.State == sip.Failed) {
			p.settled = true
			settled()
		}
	})
}

// registration counts what is told of one, before it is the phone's status.
func (s *shard) registration(p *phone, st sip.RegistrationStatus, asked time.Time) {
	switch {
	case st.State == sip.Registered && (!p.ever || !p.settled):
		record(s.tally.register, s.loop.Now().Sub(asked))
	case st.State == sip.Registered && p.status.State == sip.Registered && st.Code < 300:
		s.tally.refreshed++
	case st.Lost && !s.ending:
		s.tally.lapsed++
		s.tally.refusals["lost: "+refusal(st)]++
	}
}

// unregisterAtOnce is how many bindings a shard takes back at a time: thousands of
// REGISTERs at once are more than a PBX's socket holds, and half of them would be sent again.
const unregisterAtOnce = 64

// unregister takes all bindings back and tells.
func (s *shard) unregister(done func()) {
	var bound []*sip.Registration
	for _, p := range s.phones {
		if p.binding != nil {
			bound, p.binding = append(bound, p.binding), nil
		}
	}
	open := len(bound) + s.leaving
	if open == 0 {
		done()
		return
	}
	one := func() {
		if open--; open == 0 {
			done()
		}
	}
	s.gone = one // of those that churn has sent away, and whose PBX has not answered yet
	var next func()
	next = func() {
		if len(bound) > 0 {
			b := bound[0]
			bound = bound[1:]
			b.Unregister(func(error) { one(); next() })
		}
	}
	for range unregisterAtOnce {
		next()
	}
}

// counts are where a call of a step is counted.
func (s *shard) counts(step int) []*tally {
	if len(s.plan.Calls.Steps) == 0 {
		step = 0
	}
	for i := len(s.inStep); i <= step; i++ {
		all := []*tally{s.tally}
		if len(s.plan.Calls.Steps) > 0 {
			all = append(all, s.tally.step(i))
		}
		s.inStep = append(s.inStep, all)
	}
	return s.inStep[step]
}

// count adds the tally as it stands to that of all. Loop goroutine.
func (s *shard) count(all *tally) {
	all.add(s.tally)
	all.active += len(s.calls)
	all.inboundUp += len(s.guests)
	for _, p := range s.phones {
		switch {
		case p.status.State == sip.Registered:
			all.registered++
		case p.settled && !p.ever:
			all.refused++
			all.refusals[refusal(p.status)]++
		}
	}
}

func refusal(st sip.RegistrationStatus) string {
	if st.Code > 0 {
		return strings.TrimSpace(fmt.Sprintf("%d %s", st.Code, st.Answer))
	}
	return st.Reason
}

// drain begins no call any more, hangs up those that there are, and tells once none
// is left.
func (s *shard) drain(done func()) {
	s.ending = true
	s.idle = done
	for c := range s.calls {
		c.hangUp()
	}
	for g := range s.guests {
		g.hangUp()
	}
	s.tellIdle()
}

// ended takes a call off.
func (s *shard) ended(c *call) {
	delete(s.calls, c)
	if c.session != nil {
		s.forget(c.session.ID())
	}
	s.tellIdle()
}

// tellIdle tells who waits for it once no call is left.
func (s *shard) tellIdle() {
	if idle := s.idle; idle != nil && len(s.calls)+len(s.guests) == 0 {
		s.idle = nil
		idle()
	}
}

// close ends the shard; what is still open is given up. It waits for its goroutines.
func (s *shard) close(ctx context.Context) {
	_ = s.loop.Do(ctx, func() {
		for len(s.settling) > 0 {
			s.settle()
		}
	})
	s.leave(ctx)
	s.cancel()
	s.done.Wait()
}

func codecs(plan []string) []string {
	var names []string
	for _, name := range plan {
		names = append(names, strings.ToUpper(name))
	}
	return names
}

// toneHz and toneLevel are what a caller says.
const (
	toneHz    = 440
	toneLevel = -10
)

func speech() audio.Cadence { return audio.Sine(toneHz, toneLevel) }
