package ice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	pion "github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const (
	othersTime = 200 * time.Millisecond // for other TURN servers, when one has answered
	askAgain   = 250 * time.Millisecond // until a question to a STUN server is repeated
	hostPref   = 2130706431             // RFC 8445 section 5.1.2.1: type 126, one address, component 1
	mapPref    = 1694498815             // type 100
)

func hostPort(u *stun.URI) string { return net.JoinHostPort(u.Host, strconv.Itoa(u.Port)) }

// networks are those of the candidates: the family of our address.
func (a *Agent) networks() []pion.NetworkType {
	if len(a.cfg.Servers) == 0 {
		return []pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeUDP6}
	}
	if a.cfg.Local.Addr().Is4() {
		return []pion.NetworkType{pion.NetworkTypeUDP4}
	}
	return []pion.NetworkType{pion.NetworkTypeUDP6}
}

// transports are those of the way to a TURN server.
func (a *Agent) transports() []pion.NetworkType {
	if a.cfg.Local.Addr().Is4() {
		return []pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeTCP4}
	}
	return []pion.NetworkType{pion.NetworkTypeUDP6, pion.NetworkTypeTCP6}
}

// candidate is pion's word of one of ours; nil: there are no more.
func (a *Agent) candidate(c pion.Candidate) {
	switch {
	case c == nil:
		close(a.relays)
	case c.Type() == pion.CandidateTypeRelay:
		a.mu.Lock()
		a.relayed = append(a.relayed, c)
		one := len(a.relayed) == 1
		a.mu.Unlock()
		if one {
			close(a.first)
		}
	}
}

func (a *Agent) relayCandidates() []pion.Candidate {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.relayed
}

// gather asks all servers, says what came of it, and keeps what a translator remembers
// of the socket until the checks do.
func (a *Agent) gather() {
	ctx, cancel := context.WithTimeout(a.ctx, gatherTime)
	turns, stuns := 0, 0
	mapped := make(chan netip.AddrPort, len(a.uris))
	for _, uri := range a.uris {
		if relays(uri) {
			turns++
		}
		if !a.cfg.RelayOnly && !relays(uri) {
			stuns++
			a.wg.Go(func() { mapped <- a.askMapped(ctx, uri) })
		}
	}
	turnsAnswer := turns == 0 || a.awaitRelays(ctx)
	for range stuns {
		if at := <-mapped; at.IsValid() {
			a.mu.Lock()
			a.mapped = at
			a.mu.Unlock()
			break // the first is as good as the others
		}
	}
	stunsAnswer := ctx.Err() == nil
	cancel()
	a.tell(a.lacking(turns > 0, turnsAnswer, stuns > 0, stunsAnswer))
	a.stayMapped()
}

// awaitRelays waits until pion has asked all TURN servers, or for a little while after one
// has answered: others may be dead. It reports whether there was an answer in time.
func (a *Agent) awaitRelays(ctx context.Context) bool {
	select {
	case <-a.relays:
		return true
	case <-ctx.Done():
		return false
	case <-a.first:
	}
	others := time.NewTimer(othersTime)
	defer others.Stop()
	select {
	case <-a.relays:
	case <-ctx.Done():
	case <-others.C:
	}
	return true
}

// lacking says why servers gave nothing, where no other of their kind gave it: that they
// were silent, which is known by now, or in their own words.
func (a *Agent) lacking(turns, turnsAnswer, stuns, stunsAnswer bool) error {
	a.mu.Lock()
	noRelay, noMapped := turns && len(a.relayed) == 0, stuns && !a.mapped.IsValid()
	a.mu.Unlock()
	var all []error
	for i, uri := range a.uris {
		lacks, answers := noMapped, stunsAnswer
		if relays(uri) {
			lacks, answers = noRelay, turnsAnswer
		}
		switch {
		case !lacks:
		case !answers:
			all = append(all, fmt.Errorf("%s: %w", a.cfg.Servers[i].URL, ErrServerSilent))
		default:
			ctx, cancel := context.WithTimeout(a.ctx, gatherTime)
			if _, err := Probe(ctx, a.cfg.Reach, a.cfg.Servers[i]); err != nil {
				all = append(all, err)
			}
			cancel()
		}
	}
	return errors.Join(all...)
}

func (a *Agent) tell(trouble error) {
	a.mu.Lock()
	a.gathered, a.trouble = true, trouble
	a.mu.Unlock()
	if a.ctx.Err() == nil {
		a.cfg.Gathered(trouble)
	}
}

// stayMapped repeats the question until the checks begin, which go on by themselves.
func (a *Agent) stayMapped() {
	if a.cfg.RelayOnly {
		return
	}
	tick := time.NewTicker(mappedEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-tick.C:
		}
		a.mu.Lock()
		started := a.started
		a.mu.Unlock()
		if started {
			return
		}
		for _, uri := range a.uris {
			if relays(uri) {
				continue
			}
			ctx, cancel := context.WithTimeout(a.ctx, gatherTime)
			if at := a.askMapped(ctx, uri); at.IsValid() {
				a.mu.Lock()
				a.mapped = at
				a.mu.Unlock()
			}
			cancel()
		}
	}
}

// askMapped asks a STUN server by the session's own socket where that is seen from
// (RFC 8489); the zero value: it does not say.
func (a *Agent) askMapped(ctx context.Context, uri *stun.URI) netip.AddrPort {
	to, err := resolve(ctx, uri, a.cfg.Local.Addr())
	if err != nil {
		return netip.AddrPort{}
	}
	question, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.AddrPort{}
	}
	answer := make(chan netip.AddrPort, 1)
	a.mu.Lock()
	a.asked[question.TransactionID] = answer
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.asked, question.TransactionID)
		a.mu.Unlock()
	}()
	for wait := askAgain; ; wait *= 2 {
		a.cfg.Send(question.Raw, to)
		again := time.NewTimer(wait)
		select {
		case at := <-answer:
			again.Stop()
			return at
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return netip.AddrPort{}
		}
	}
}

// Answered takes a STUN server's answer to a question of ours, and reports whether it
// is one.
func (a *Agent) Answered(b []byte) bool {
	if len(b) < 20 {
		return false
	}
	a.mu.Lock()
	answer := a.asked[[stun.TransactionIDSize]byte(b[8:20])]
	a.mu.Unlock()
	if answer == nil {
		return false
	}
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	var seen stun.XORMappedAddress
	if m.Decode() != nil || m.Type != stun.BindingSuccess || seen.GetFrom(m) != nil {
		return true
	}
	ip, ok := netip.AddrFromSlice(seen.IP)
	if ok {
		select {
		case answer <- netip.AddrPortFrom(ip.Unmap(), uint16(seen.Port)):
		default:
		}
	}
	return true
}

// Gathered says that all candidates are there, and why servers gave none.
func (a *Agent) Gathered() (done bool, trouble error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gathered, a.trouble
}

// Host is the value of an a=candidate line of a socket of ours: of RTP, or of RTCP.
func Host(local netip.AddrPort, control bool) string {
	component := (&Config{Control: control}).component()
	return fmt.Sprintf("1 %d udp %d %s %d typ host", component, hostPref+1-component, local.Addr(), local.Port())
}

// Candidates are the values of our a=candidate lines, as far as they are known, and
// where a peer without ICE sends to; the zero value: there is none.
func (a *Agent) Candidates() (lines []string, standard netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	local := a.cfg.Local
	if !a.cfg.RelayOnly {
		lines, standard = append(lines, Host(local, a.cfg.Control)), local
		if a.mapped.IsValid() && a.mapped != local {
			lines, standard = append(lines, fmt.Sprintf("2 1 udp %d %s %d typ srflx raddr %s rport %d", mapPref, a.mapped.Addr(), a.mapped.Port(), local.Addr(), local.Port())), a.mapped
		}
	}
	for i, c := range a.relayed {
		ip, err := netip.ParseAddr(c.Address())
		if err != nil {
			continue
		}
		at, base := netip.AddrPortFrom(ip.Unmap(), uint16(c.Port())), a.mapped
		if !base.IsValid() || a.cfg.RelayOnly { // RFC 8839 section 5.1: who hides its address says zeros
			base = netip.AddrPortFrom(netip.IPv4Unspecified(), 9)
		}
		lines = append(lines, fmt.Sprintf("%d 1 udp %d %s %d typ relay raddr %s rport %d", 3+i, c.Priority(), at.Addr(), at.Port(), base.Addr(), base.Port()))
		if a.cfg.RelayOnly && !standard.IsValid() {
			standard = at
		}
	}
	return lines, standard
}
