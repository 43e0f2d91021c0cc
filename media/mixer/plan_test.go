package mixer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"ringback/media/audio"
)

// naive mixes by the definition: each route is an addition.
func naive(m *Matrix, routes []Route) map[Slot][]int32 {
	sums := map[Slot][]int32{}
	for _, r := range routes {
		if sums[r.To] == nil {
			sums[r.To] = make([]int32, m.samples)
		}
		gain := float32(audio.Linear(r.GainDB))
		for i, v := range m.ports[r.From].in {
			sums[r.To][i] += int32(float32(v) * gain)
		}
	}
	return sums
}

// additions is what a Mix costs, in frames added to another.
func (m *Matrix) additions() (n int) {
	for i := range m.sums {
		n += len(m.sums[i].members)
	}
	for i := range m.ports {
		n += len(m.ports[i].plan.less) + len(m.ports[i].plan.more)
	}
	return n
}

// scene is a set of routes as a call has them: conferences with parties that are
// muted or deaf, a recorder that hears what one party does, a listener, gains.
func scene(rng *rand.Rand, slots []Slot) []Route {
	var routes []Route
	for from := 0; from < len(slots); {
		to := min(len(slots), from+1+rng.IntN(len(slots)))
		room := Conference(slots[from:to]...)
		for _, r := range room {
			switch odd := rng.IntN(60); {
			case odd == 0: // it does not hear that one
			case odd == 1:
				r.GainDB = -6
				routes = append(routes, r)
			default:
				routes = append(routes, r)
			}
		}
		from = to
	}
	if tape, heard := slots[rng.IntN(len(slots))], slots[rng.IntN(len(slots))]; tape != heard {
		kept := routes[:0:0]
		for _, r := range routes {
			if r.To != tape && r.From != tape {
				kept = append(kept, r)
			}
		}
		for _, r := range kept {
			if r.To == heard {
				kept = append(kept, Route{From: r.From, To: tape, GainDB: r.GainDB})
			}
		}
		routes = kept
	}
	return routes
}

func TestMix_SharedSumsAreExact(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := New(40)
		slots := seats(t, m, 2+rng.IntN(40))
		for change := range 3 {
			routes := scene(rng, slots)
			if err := m.SetRoutes(routes); err != nil {
				t.Fatal(err)
			}
			for _, s := range slots {
				for i := range m.In(s) {
					m.In(s)[i] = int16(rng.IntN(1600) - 800)
				}
			}
			m.Mix() // ramps
			m.Mix()
			want := naive(m, routes)
			for _, s := range slots {
				for i, v := range m.Out(s) {
					if sum := want[s]; sum == nil && v != 0 || sum != nil && sum[i] != int32(v) {
						t.Fatalf("seed %d, change %d, slot %d: sample %d is %d, the routes give %v", seed, change, s, i, v, sum)
					}
				}
			}
			if n := m.additions(); n > len(routes) {
				t.Fatalf("seed %d: %d additions for %d routes", seed, n, len(routes))
			}
		}
	}
}

// TestMix_CostsWhatThePartiesAre holds the cost of a conference, as additions of a
// frame: one for each party into the sum, and one out of it, and what is beside it.
func TestMix_CostsWhatThePartiesAre(t *testing.T) {
	for _, n := range []int{8, 32, 128, 250} {
		m := New(8)
		slots := seats(t, m, n+2)
		routes := Conference(slots[:n]...)
		for _, from := range slots[1:n] { // a recorder hears what the first one does
			routes = append(routes, Route{From: from, To: slots[n]})
		}
		routes = append(routes, Route{From: slots[0], To: slots[n+1]}) // and its other channel, that
		if err := m.SetRoutes(routes); err != nil {
			t.Fatal(err)
		}
		m.Mix()
		m.Mix()
		if got := m.additions(); got > min(2*n+2, len(routes)) {
			t.Errorf("%d parties: %d additions", n, got)
		}
	}
}

func TestMix_APortWithoutRoutesHearsNothing(t *testing.T) {
	m := New(8)
	seats(t, m, 2)
	m.Mix()
	if err := m.SetRoutes(Conference(seats(t, m, 5)...)); err != nil {
		t.Fatal(err)
	}
	m.Mix()
	late := seats(t, m, 1)[0]
	m.Mix()
	if v := m.Out(late)[0]; v != 0 {
		t.Errorf("it hears %d", v)
	}
}

func TestMix_AllocatesNothingForTheParties(t *testing.T) {
	m := New(160)
	slots := seats(t, m, 32)
	if err := m.SetRoutes(Conference(slots...)); err != nil {
		t.Fatal(err)
	}
	m.SetLevelled(slots...)
	m.Mix()
	m.Mix()
	if n := testing.AllocsPerRun(100, m.Mix); n != 0 {
		t.Errorf("%v allocations a tick", n)
	}
}

func BenchmarkMix(b *testing.B) {
	for _, rate := range []int{audio.Rate8k, audio.Rate16k, audio.Rate48k} {
		for _, n := range []int{2, 8, 32, 64, 128} {
			for _, levelled := range []bool{false, true} {
				b.Run(fmt.Sprintf("rate=%d/levelled=%v/parties=%d", rate, levelled, n), func(b *testing.B) {
					m := New(audio.FrameSamples(rate))
					slots := seats(b, m, n)
					if err := m.SetRoutes(Conference(slots...)); err != nil {
						b.Fatal(err)
					}
					if levelled {
						m.SetLevelled(slots...)
					}
					said := audio.NewTone(audio.Sine(300, -30), rate)
					for _, s := range slots {
						said.Fill(m.In(s))
					}
					m.Mix()
					m.Mix()
					b.ReportAllocs()
					for b.Loop() {
						m.Mix()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/party")
				})
			}
		}
	}
}
