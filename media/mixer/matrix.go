package mixer

import (
	"errors"
	"fmt"
	"math"

	"ringback/media/audio"
)

// MaxSlots is the greatest number of slots in one Matrix.
const MaxSlots = 256

// MaxGainDB is the greatest gain of a route; more is taken as this.
const MaxGainDB = 24.0

// Slot is the place of one port in a Matrix, counted from 0.
type Slot int

// None is the slot of what is in no matrix.
const None Slot = -1

// Errors of a Matrix.
var (
	ErrFull   = errors.New("all slots are taken: use another bridge")
	ErrNoSlot = errors.New("slot is not in use")
)

// Route lets what comes in at From be heard at To.
type Route struct {
	From, To Slot
	GainDB   float64 // 0 as it is; audio.SilenceDBFS and below: not heard
}

// edge is a route that is heard now, is to be heard, or both.
type edge struct {
	from, to    Slot
	now, target float32
}

func (e *edge) settled() bool { return e.now == e.target }

type port struct {
	used    bool
	in, out audio.Frame
	limit   limiter
	level   *leveller // nil: what comes in is taken as it is
	plan    plan
	still   bool // out is silent, since nothing is heard
}

// Matrix mixes frames by routes. Make one with New.
type Matrix struct {
	samples int
	ports   []port
	edges   []edge  // what Mix works through
	next    []edge  // the routes asked for; applied at the next Mix
	places  []int32 // of edges by pairs of slots, while they are looked for
	pending bool
	stale   bool // plans are not those of the edges
	sums    []group
	scratch []int32 // of whoever is worked on
}

// New returns an empty matrix for frames of the given number of samples.
func New(samples int) *Matrix { return &Matrix{samples: samples, scratch: make([]int32, samples)} }

// Add takes a free slot.
func (m *Matrix) Add() (Slot, error) {
	for i := range m.ports {
		if !m.ports[i].used {
			m.ports[i].used = true
			return Slot(i), nil
		}
	}
	if len(m.ports) >= MaxSlots {
		return None, fmt.Errorf("add slot %d: %w", len(m.ports), ErrFull)
	}
	m.ports = append(m.ports, port{
		used: true, in: make(audio.Frame, m.samples), out: make(audio.Frame, m.samples),
		plan: plan{group: -1},
	})
	return Slot(len(m.ports) - 1), nil
}

// Remove frees a slot and drops its routes; others are not touched.
func (m *Matrix) Remove(s Slot) {
	if !m.has(s) {
		return
	}
	p := &m.ports[s]
	p.used, p.level, p.limit = false, nil, limiter{}
	clear(p.in)
	clear(p.out)
	m.edges = without(m.edges, s)
	m.next = without(m.next, s)
	m.stale = true
}

func without(edges []edge, s Slot) []edge {
	kept := edges[:0]
	for _, e := range edges {
		if e.from != s && e.to != s {
			kept = append(kept, e)
		}
	}
	return kept
}

func (m *Matrix) has(s Slot) bool { return s >= 0 && int(s) < len(m.ports) && m.ports[s].used }

// In is where the port at s puts what it says, before Mix. Nil when s is free.
func (m *Matrix) In(s Slot) audio.Frame {
	if !m.has(s) {
		return nil
	}
	return m.ports[s].in
}

// Out is what the port at s hears, after Mix. Nil when s is free.
func (m *Matrix) Out(s Slot) audio.Frame {
	if !m.has(s) {
		return nil
	}
	return m.ports[s].out
}

// SetRoutes replaces all routes at the next Mix. On an error nothing changes. Of
// several routes between the same two slots the last one counts.
func (m *Matrix) SetRoutes(routes []Route) error {
	for _, r := range routes {
		if !m.has(r.From) || !m.has(r.To) {
			return fmt.Errorf("set route from slot %d to %d: %w", r.From, r.To, ErrNoSlot)
		}
	}
	next := make([]edge, 0, len(routes)+len(m.edges))
	places := m.noPlaces()
	for _, r := range routes {
		if math.IsNaN(r.GainDB) {
			return fmt.Errorf("set route from slot %d to %d: gain is not a number", r.From, r.To)
		}
		gain := float32(audio.Linear(min(r.GainDB, MaxGainDB)))
		place := &places[m.pair(r.From, r.To)]
		if *place >= 0 {
			next[*place].target = gain
			continue
		}
		*place = int32(len(next))
		next = append(next, edge{from: r.From, to: r.To, target: gain})
	}
	m.next, m.pending = next, true
	return nil
}

func (m *Matrix) pair(from, to Slot) int { return int(from)*len(m.ports) + int(to) }

// noPlaces is room for the place of each pair's edge in a list: none so far.
func (m *Matrix) noPlaces() []int32 {
	n := len(m.ports) * len(m.ports)
	if cap(m.places) < n {
		m.places = make([]int32, n)
	}
	m.places = m.places[:n]
	for i := range m.places {
		m.places[i] = -1
	}
	return m.places
}

// apply makes the routes asked for the ones worked through, each starting from
// the gain it has now; those that are no longer asked for move to nothing.
func (m *Matrix) apply() {
	m.pending, m.stale = false, true
	next, places := m.next, m.noPlaces()
	for i, e := range next {
		places[m.pair(e.from, e.to)] = int32(i)
	}
	for _, old := range m.edges {
		if i := places[m.pair(old.from, old.to)]; i >= 0 {
			next[i].now = old.now
		} else if old.now != 0 {
			old.target = 0
			next = append(next, old)
		}
	}
	m.edges, m.next = next, nil
}

// Mix makes every Out from every In. What comes into a slot with SetLevelled is
// changed in place first. It allocates nothing but for what new routes need.
func (m *Matrix) Mix() {
	if m.pending {
		m.apply()
	}
	if m.stale {
		m.makePlans()
	}
	for i := range m.ports {
		if p := &m.ports[i]; p.used && p.level != nil && !p.level.process(p.in, m.scratch) {
			p.level = nil
		}
	}
	for i := range m.sums {
		m.sums[i].add(m)
	}
	for i := range m.ports {
		if p := &m.ports[i]; p.used {
			m.hear(p)
		}
	}
	m.settle()
}

// hear makes what one port hears.
func (m *Matrix) hear(p *port) {
	if p.plan.group < 0 && len(p.plan.more) == 0 {
		if !p.still {
			clear(p.out)
			p.limit, p.still = limiter{}, true
		}
		return
	}
	p.still = false
	if e := m.only(p); e != nil {
		copy(p.out, m.ports[e.from].in)
		return
	}
	sum := m.scratch
	if p.plan.group >= 0 {
		copy(sum, m.sums[p.plan.group].sum)
	} else {
		clear(sum)
	}
	for _, s := range p.plan.less {
		minus(sum, m.ports[s].in)
	}
	for _, i := range p.plan.more {
		e := &m.edges[i]
		e.add(sum, m.ports[e.from].in)
	}
	p.limit.narrow(p.out, sum)
}

// only is the one route by which a port hears what is said as it is; nil: there is more to
// do. That is what most hear in a call of two.
func (m *Matrix) only(p *port) *edge {
	if p.plan.group >= 0 || len(p.plan.more) != 1 || p.limit.down != 0 {
		return nil
	}
	if e := &m.edges[p.plan.more[0]]; e.now == 1 && e.target == 1 {
		return e
	}
	return nil
}

func (e *edge) add(sum []int32, in audio.Frame) {
	if e.now == 1 && e.target == 1 {
		plus(sum, in)
		return
	}
	sum = sum[:len(in)]
	gain, step := e.now, (e.target-e.now)/float32(len(in))
	for i, s := range in {
		gain += step
		sum[i] += int32(float32(s) * gain)
	}
}

// settle ends the way of gains to their new values, and drops the routes that are
// silent now.
func (m *Matrix) settle() {
	kept := m.edges[:0]
	for _, e := range m.edges {
		if !e.settled() {
			e.now, m.stale = e.target, true
		}
		if e.now != 0 {
			kept = append(kept, e)
		}
	}
	m.stale = m.stale || len(kept) < len(m.edges)
	m.edges = kept
}

// SetLevelled has what comes in at the given slots brought to the level of active
// speech, with its noise shut out in pauses, from the next frame on; others are taken
// as they are. Slots that are not in use are passed over. Without a click.
func (m *Matrix) SetLevelled(slots ...Slot) {
	want := set{}
	for _, s := range slots {
		if m.has(s) {
			want.put(s)
		}
	}
	for i := range m.ports {
		p := &m.ports[i]
		switch on := want.has(Slot(i)); {
		case on && p.level == nil:
			p.level = newLeveller()
		case p.level != nil:
			p.level.ends = !on
		}
	}
}

// Conference returns the routes by which each of slots hears all others and not
// itself.
func Conference(slots ...Slot) []Route {
	routes := make([]Route, 0, len(slots)*len(slots))
	for _, from := range slots {
		for _, to := range slots {
			if from != to {
				routes = append(routes, Route{From: from, To: to})
			}
		}
	}
	return routes
}
