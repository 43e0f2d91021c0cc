package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"ringback/media"
	"ringback/sip"
)

// prepare makes the shards and their media.
func (g *generator) prepare(ctx context.Context) (stop func(), err error) {
	all, err := g.plan.users()
	if err != nil {
		return nil, err
	}
	if len(all) < g.opts.Part.of() {
		return nil, fmt.Errorf("start load: %d users are too few for %d generators: each needs one", len(all), g.opts.Part.of())
	}
	from, to := g.opts.Part.Slice(len(all))
	users := all[from:to]
	rows, err := g.plan.data(all)
	if err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	from, to = g.opts.Part.Slice(len(rows))
	if rows = rows[from:to]; g.plan.Calls.Data != "" && len(rows) == 0 {
		return nil, fmt.Errorf("start load: calls.data has too few rows for %d generators: each needs one", g.opts.Part.of())
	}
	how, err := g.plan.sound()
	if err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	seats, err := g.sources(ctx)
	if err != nil {
		return nil, err
	}
	engine, stopEngine := mediaOf(g.plan, g.opts)
	stop = func() {
		ended, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for _, s := range g.shards {
			s.close(ended)
		}
		stopEngine()
	}
	seed := g.plan.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	seed += uint64(g.opts.Part.Index) << 32
	if g.plan.Agents != nil {
		g.floor, err = newFloor(floorConfig{plan: g.plan, users: users, network: g.opts.Network, engine: engine, rate: media.RateFor(codecs(g.plan.Agents.Codecs)), sound: how, tell: g.tellers(), sources: seats, seed: seed, log: g.opts.Log})
		if err != nil {
			stop()
		}
		return stop, err
	}
	speaks, err := g.plan.speaker(engine)
	if err != nil {
		stop()
		return nil, fmt.Errorf("start load: %w", err)
	}
	if g.plan.Calls.Media == MediaNone {
		engine = nil // it is of the calls that come
	}
	shards := seats.loops(min(g.opts.Shards, len(users)))
	for i := range shards {
		mine := users[len(users)*i/shards : len(users)*(i+1)/shards]
		s, err := newShard(shardConfig{plan: g.plan, shards: shards * g.opts.Part.of(), users: mine, network: g.opts.Network, tell: g.tellers(), engine: engine, speaker: speaks, sound: how, rows: every(rows, i, shards), sources: seats.dealt(i, shards, len(mine)), seed: seed + uint64(i), log: g.opts.Log})
		if err != nil {
			stop()
			return nil, fmt.Errorf("start load: %w", err)
		}
		g.shards = append(g.shards, s)
	}
	return stop, nil
}

// tellers are who is told its calls.
func (g *generator) tellers() tellers {
	t := tellers{onCall: g.opts.OnCall, onFailed: g.opts.OnFailed, ladders: g.opts.Ladders}
	if g.opts.Part.Of > 1 {
		t.generator = g.opts.Part.String()
	}
	return t
}

// sources are where its user agents call from.
func (g *generator) sources(ctx context.Context) (sources, error) {
	if named := g.plan.Account.Sources; len(named) > 0 {
		s, err := sourcesOf(named, g.opts.Part)
		if err != nil {
			err = fmt.Errorf("start load: %w", err)
		}
		return s, err
	}
	bind, err := g.bind(ctx)
	if err != nil {
		return sources{}, err
	}
	return sourcesOf([]string{bind}, Part{}) // the parts are elsewhere
}

// bind is the address that leads to the PBX, unless the plan names one.
func (g *generator) bind(ctx context.Context) (string, error) {
	a := g.plan.Account
	if a.Bind != "" {
		return a.Bind, nil
	}
	uri, err := sip.ParseURI(a.Registrar)
	if a.Proxy != "" && err == nil {
		uri, err = sip.ParseURI(a.Proxy)
	}
	if err != nil {
		return "", fmt.Errorf("find the way to the PBX: %w", err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort(strings.Trim(uri.Host, "[]"), "5060"))
	if err != nil {
		return "", fmt.Errorf("find the way to %s: %w: write account.bind", uri.Host, err)
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}
