package mixer

import (
	"errors"
	"math"
	"testing"
)

func fill(m *Matrix, s Slot, v int16) {
	for i := range m.In(s) {
		m.In(s)[i] = v
	}
}

func seats(t testing.TB, m *Matrix, n int) []Slot {
	t.Helper()
	var slots []Slot
	for range n {
		s, err := m.Add()
		if err != nil {
			t.Fatal(err)
		}
		slots = append(slots, s)
	}
	return slots
}

func TestMix_EachHearsAllOthers(t *testing.T) {
	m := New(160)
	slots := seats(t, m, 10)
	if err := m.SetRoutes(Conference(slots...)); err != nil {
		t.Fatal(err)
	}
	all := int16(0)
	for i, s := range slots {
		fill(m, s, int16(1)<<i)
		all += int16(1) << i
	}
	m.Mix()
	m.Mix()
	for i, s := range slots {
		if got := m.Out(s)[0]; got != all-int16(1)<<i {
			t.Errorf("%d hears %b", i, got)
		}
	}
}

func TestMix_SaturatesWithoutWrap(t *testing.T) {
	m := New(160)
	slots := seats(t, m, 9)
	if err := m.SetRoutes(Conference(slots...)); err != nil {
		t.Fatal(err)
	}
	for _, v := range []int16{32767, -32768} {
		for _, s := range slots {
			fill(m, s, v)
		}
		m.Mix()
		m.Mix()
		if got := m.Out(0)[80]; got != v {
			t.Errorf("eight times %d is %d", v, got)
		}
	}
}

func TestSetRoutes_RampsOverOneFrame(t *testing.T) {
	m := New(160)
	slots := seats(t, m, 3)
	fill(m, slots[0], 16000)
	fill(m, slots[1], -16000)
	steps := func() (most int) {
		last := m.Out(slots[2])[159]
		m.Mix()
		for _, v := range m.Out(slots[2]) {
			d := int(v) - int(last)
			most, last = max(most, d, -d), v
		}
		return most
	}
	set := func(r ...Route) {
		t.Helper()
		if err := m.SetRoutes(r); err != nil {
			t.Fatal(err)
		}
	}
	set(Route{From: slots[0], To: slots[2]})
	if s := steps(); s > 101 || m.Out(slots[2])[159] != 16000 {
		t.Errorf("in: step %d, ends at %d", s, m.Out(slots[2])[159])
	}
	set(Route{From: slots[1], To: slots[2]})
	if s := steps(); s > 202 || m.Out(slots[2])[159] != -16000 {
		t.Errorf("switch: step %d, ends at %d", s, m.Out(slots[2])[159])
	}
	set(Route{From: slots[1], To: slots[2], GainDB: -6}, Route{From: slots[1], To: slots[2], GainDB: -20})
	if s := steps(); s > 101 || math.Abs(float64(m.Out(slots[2])[159])+1600) > 2 {
		t.Errorf("gain: step %d, ends at %d", s, m.Out(slots[2])[159])
	}
	set()
	if s := steps(); s > 101 || m.Out(slots[2])[159] != 0 {
		t.Errorf("out: step %d, ends at %d", s, m.Out(slots[2])[159])
	}
	m.Mix()
	if len(m.edges) != 0 || m.Out(slots[2])[0] != 0 {
		t.Error("routes that ended stay")
	}
}

func TestSlots_AreBoundedAndReused(t *testing.T) {
	m := New(8)
	slots := seats(t, m, MaxSlots)
	if _, err := m.Add(); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if err := m.SetRoutes([]Route{{From: slots[3], To: slots[4]}, {From: slots[5], To: slots[4]}}); err != nil {
		t.Fatal(err)
	}
	fill(m, slots[3], 100)
	fill(m, slots[5], 10)
	m.Mix()
	m.Remove(slots[3])
	m.Remove(slots[3])
	m.Remove(None)
	m.Mix()
	if m.In(slots[3]) != nil || m.Out(slots[3]) != nil || m.Out(slots[4])[7] != 10 {
		t.Errorf("after one left, %d is heard", m.Out(slots[4])[7])
	}
	if err := m.SetRoutes([]Route{{From: slots[3], To: slots[4]}}); !errors.Is(err, ErrNoSlot) {
		t.Errorf("route from a free slot: %v", err)
	}
	if err := m.SetRoutes([]Route{{From: slots[6], To: slots[4], GainDB: math.NaN()}}); err == nil {
		t.Error("a gain that is no number was taken")
	}
	m.Mix()
	if m.Out(slots[4])[7] != 10 {
		t.Error("refused routes changed something")
	}
	again, err := m.Add()
	if err != nil || again != slots[3] || m.In(again)[0] != 0 {
		t.Errorf("slot %d, %v", again, err)
	}
}

func TestMix_AllocatesNothing(t *testing.T) {
	m := New(160)
	if err := m.SetRoutes(Conference(seats(t, m, 8)...)); err != nil {
		t.Fatal(err)
	}
	m.Mix()
	if n := testing.AllocsPerRun(100, m.Mix); n != 0 {
		t.Errorf("%v allocations a tick", n)
	}
}
