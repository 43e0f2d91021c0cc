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

type port struct {
	used    bool
	in, out audio.Frame
	sum     []int32
	heard   bool
}

// Matrix mixes frames by routes. Make one with New.
type Matrix struct {
	samples int
	ports   []port
	edges   []edge // what Mix works through; capacity for all pairs of routes
	next    []edge // the routes asked for; applied at the next Mix
	pending bool
}

// New returns an empty matrix for frames of the given number of samples.
func New(samples int) *Matrix { return &Matrix{samples: samples} }

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
		used: true, in: make(audio.Frame, m.samples), out: make(audio.Frame, m.samples), sum: make([]int32, m.samples),
	})
	return Slot(len(m.ports) - 1), nil
}

// Remove frees a slot and drops its routes; others are not touched.
func (m *Matrix) Remove(s Slot) {
	if !m.has(s) {
		return
	}
	p := &m.ports[s]
	p.used = false
	clear(p.in)
	clear(p.out)
	m.edges = without(m.edges, s)
	m.next = without(m.next, s)
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
	for _, r := range routes {
		if math.IsNaN(r.GainDB) {
			return fmt.Errorf("set route from slot %d to %d: gain is not a number", r.From, r.To)
		}
		gain := float32(audio.Linear(min(r.GainDB, MaxGainDB)))
		if i := find(next, r.From, r.To); i >= 0 {
			next[i].target = gain
			continue
		}
		next = append(next, edge{from: r.From, to: r.To, target: gain})
	}
	m.next, m.pending = next, true
	return nil
}

func find(edges []edge, from, to Slot) int {
	for i := range edges {
		if edges[i].from == from && edges[i].to == to {
			return i
		}
	}
	return -1
}

// apply makes the routes asked for the ones worked through, each starting from
// the gain it has now; those that are no longer asked for move to nothing.
func (m *Matrix) apply() {
	m.pending = false
	next := m.next
	for _, old := range m.edges {
		if i := find(next, old.from, old.to); i >= 0 {
			next[i].now = old.now
		} else if old.now != 0 {
			old.target = 0
			next = append(next, old)
		}
	}
	m.edges, m.next = next, nil
}

// Mix makes every Out from every In. It allocates nothing, except once after
// SetRoutes when more old routes fade out than were there when it was called.
func (m *Matrix) Mix() {
	if m.pending {
		m.apply()
	}
	for i := range m.ports {
		if p := &m.ports[i]; p.used && p.heard {
			clear(p.sum)
			p.heard = false
		}
	}
	ended := false
	for i := range m.edges {
		e := &m.edges[i]
		m.add(e)
		ended = ended || e.now == 0
	}
	if ended {
		m.dropSilent()
	}
	for i := range m.ports {
		p := &m.ports[i]
		if !p.used {
			continue
		}
		if !p.heard {
			clear(p.out)
			continue
		}
		for k, v := range p.sum {
			p.out[k] = audio.Saturate(v)
		}
	}
}

func (m *Matrix) add(e *edge) {
	in, to := m.ports[e.from].in, &m.ports[e.to]
	sum := to.sum[:len(in)]
	to.heard = true
	if e.now == 1 && e.target == 1 {
		for i, s := range in {
			sum[i] += int32(s)
		}
		return
	}
	gain, step := e.now, (e.target-e.now)/float32(len(in))
	for i, s := range in {
		gain += step
		sum[i] += int32(float32(s) * gain)
	}
	e.now = e.target
}

func (m *Matrix) dropSilent() {
	kept := m.edges[:0]
	for _, e := range m.edges {
		if e.now != 0 || e.target != 0 {
			kept = append(kept, e)
		}
	}
	m.edges = kept
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
