package mixer

import (
	"math/bits"

	"ringback/media/audio"
)

// set is a set of slots.
type set [MaxSlots / 64]uint64

func (s *set) put(at Slot)      { s[at/64] |= 1 << (at % 64) }
func (s *set) has(at Slot) bool { return s[at/64]>>(at%64)&1 != 0 }

func (s *set) size() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// without is the set of those that are in s and not in other.
func (s set) without(other *set) set {
	for i := range s {
		s[i] &^= other[i]
	}
	return s
}

// slots appends the members in their order.
func (s *set) slots(to []Slot) []Slot {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			to = append(to, Slot(64*i+bits.TrailingZeros64(w)))
		}
	}
	return to
}

// plan is how a port's sum is made: the sum of a group, which others share, less
// those of it that the port does not hear, and the routes that are beside it.
type plan struct {
	group   int // index into sums; -1: none
	less    []Slot
	more    []int32 // places in edges
	full    set     // heard as they are: neither louder nor softer, nor on the way there
	settled bool    // it has got its plan
}

// group is a sum that more than one port uses.
type group struct {
	all     set
	members []Slot
	sum     []int32
}

// fewest is how many a port must hear for a shared sum to pay.
const fewest = 3

func (g *group) add(m *Matrix) {
	clear(g.sum)
	for _, s := range g.members {
		plus(g.sum, m.ports[s].in)
	}
}

func plus(sum []int32, in audio.Frame) {
	sum = sum[:len(in)]
	for i, s := range in {
		sum[i] += int32(s)
	}
}

func minus(sum []int32, in audio.Frame) {
	sum = sum[:len(in)]
	for i, s := range in {
		sum[i] -= int32(s)
	}
}

// saves is how many additions the group spares a port that hears full.
func (g *group) saves(full *set) int {
	missing, spare := full.without(&g.all), g.all.without(full)
	return full.size() - 1 - missing.size() - spare.size()
}

// makePlans finds the sums that can be shared. The port that hears most and has no
// plan yet proposes what it hears, and itself, as a group; it stands when those
// that it serves save more than its sum costs. So a conference of N costs N
// additions and N subtractions, and any other set of routes never more than an
// addition for each.
func (m *Matrix) makePlans() {
	m.stale = false
	m.sums = m.sums[:0]
	for i := range m.ports {
		p := &m.ports[i].plan
		*p = plan{group: -1, less: p.less[:0], more: p.more[:0]}
	}
	speaks := set{}
	for _, e := range m.edges {
		if e.now == 1 && e.target == 1 {
			m.ports[e.to].plan.full.put(e.from)
			speaks.put(e.from)
		}
	}
	for {
		most := m.mostHearing()
		if most == None {
			break
		}
		m.propose(most, &speaks)
	}
	for i, e := range m.edges {
		p := &m.ports[e.to].plan
		if p.group >= 0 && p.full.has(e.from) && m.sums[p.group].all.has(e.from) {
			continue
		}
		p.more = append(p.more, int32(i))
	}
}

// mostHearing is the port without a plan that hears most; None when a shared sum
// would serve none of them.
func (m *Matrix) mostHearing() Slot {
	most, at := fewest-1, None
	for i := range m.ports {
		if p := &m.ports[i].plan; !p.settled && p.full.size() > most {
			most, at = p.full.size(), Slot(i)
		}
	}
	return at
}

func (m *Matrix) propose(from Slot, speaks *set) {
	first := &m.ports[from].plan
	g := group{all: first.full}
	if speaks.has(from) {
		g.all.put(from)
	}
	saved := -g.all.size()
	for i := range m.ports {
		if p := &m.ports[i].plan; !p.settled {
			saved += max(0, g.saves(&p.full))
		}
	}
	first.settled = true
	if saved <= 0 {
		return
	}
	index := len(m.sums)
	m.sums = m.sums[:min(cap(m.sums), index+1)] // with what it held before, to be used again
	if len(m.sums) == index {
		m.sums = append(m.sums, group{})
	}
	old := &m.sums[index]
	g.members, g.sum = g.all.slots(old.members[:0]), old.sum
	if g.sum == nil {
		g.sum = make([]int32, m.samples)
	}
	*old = g
	for i := range m.ports {
		p := &m.ports[i].plan
		if p.group < 0 && g.saves(&p.full) > 0 && (!p.settled || Slot(i) == from) {
			p.group, p.settled = index, true
			spare := g.all.without(&p.full)
			p.less = spare.slots(p.less[:0])
		}
	}
}
