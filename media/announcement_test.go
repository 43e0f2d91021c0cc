package media

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"ringback/dtmf"
	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/sdp"
)

// farSession is a session in no bridge at the other end of the network.
func farSession(t *testing.T, n *simnet.Net, rate int, cfg SessionConfig) (*Session, func()) {
	t.Helper()
	e := NewEngine(EngineConfig{Network: n.Host(thereIP), Shards: 1, Rate: rate})
	go func() { _ = e.Run(context.Background()) }()
	cfg.LocalIP = netip.MustParseAddr(thereIP)
	s, err := e.NewSession(cfg)
	must(t, err)
	return s, func() { _ = e.Close() }
}

// sineClip is a clip of so many samples of a tone at -12 dBFS.
func sineClip(hz float64, rate, samples int) audio.Clip {
	c := audio.Clip{Rate: rate, Channels: 1, Samples: make([]int16, rate+samples)}
	audio.NewTone(audio.Sine(hz, -12), rate).Fill(c.Samples)
	c.Samples = c.Samples[rate:]
	return c
}

// TestAnnouncement_IsHeardAgainAndAgain: whatever the codec and the packet time, without a
// break where it begins anew.
func TestAnnouncement_IsHeardAgainAndAgain(t *testing.T) {
	for _, name := range []string{"PCMU", "PCMA", "L16/8000", "G722"} {
		for _, ptime := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s/%s", name, ptime), func(t *testing.T) {
				story(t, func(t *testing.T, n *simnet.Net) {
					rate := RateFor([]string{name})
					a := newPhoneAt(t, n, hereIP, rate, func(c *SessionConfig) { c.Codecs, c.Ptime = []string{name}, ptime })
					defer a.close()
					ear := &probe{keep: true}
					slot, err := a.bridge.Add(ear)
					must(t, err)
					must(t, a.bridge.SetRoutes(routesTo(a, slot)))
					far, end := farSession(t, n, rate, SessionConfig{Codecs: []string{name}, Unheard: true})
					defer end()
					said, err := NewAnnouncement(sineClip(440, rate, rate*7/40*2), rate) // 350 ms: no whole number of packets
					must(t, err)
					must(t, far.Announce(said))
					offer, err := a.session.CreateOffer(sdp.SendRecv)
					must(t, err)
					answer, err := far.AcceptOffer(offer, sdp.SendRecv)
					must(t, err)
					must(t, a.session.AcceptAnswer(answer, false))
					pass(3 * time.Second)
					if !a.hears(440) {
						t.Errorf("not heard: %+v", a.session.Stats())
					}
					st := a.session.Stats()
					if st.Lost != 0 || st.Concealed > 2 || st.JitterMS > 10 {
						t.Errorf("%+v", st)
					}
					if want := uint64(3 * time.Second / ptime); st.RxPackets < want-10 || st.RxPackets > want {
						t.Errorf("%d packets in 3 s, want %d", st.RxPackets, want)
					}
					if level := far.Stats().TxLevel; math.Abs(level+12) > 0.3 {
						t.Errorf("it says that it says %.2f dBFS", level)
					}
					pcm := ear.pcm
					pcm = pcm[len(pcm)/2:]
					most := 0
					for i := 1; i < len(pcm); i++ {
						most = max(most, int(math.Abs(float64(pcm[i])-float64(pcm[i-1]))))
					}
					if limit := int(32767 * 0.251 * math.Sqrt2 * 2 * math.Pi * 440 / float64(rate) * 1.6); most > limit {
						t.Errorf("a step of %d, a tone has none above %d", most, limit)
					}
				})
			})
		}
	}
}

// TestAnnouncement_DigitsGoBefore: by events and in-band, and what was said goes on.
func TestAnnouncement_DigitsGoBefore(t *testing.T) {
	for _, method := range []SendMethod{RFC4733, InBand} {
		story(t, func(t *testing.T, n *simnet.Net) {
			a := newPhone(t, n, hereIP)
			defer a.close()
			ears := a.engine.NewMeter(MeterConfig{Digits: true, OnEvent: a.note})
			slot, err := a.bridge.Add(ears)
			must(t, err)
			must(t, a.bridge.SetRoutes(routesTo(a, slot)))
			far, end := farSession(t, n, audio.Rate8k, SessionConfig{DTMF: true, Ptime: 30 * time.Millisecond, Unheard: true})
			defer end()
			said, err := NewAnnouncement(sineClip(440, audio.Rate8k, 8000), audio.Rate8k)
			must(t, err)
			must(t, far.Announce(said))
			offer, err := a.session.CreateOffer(sdp.SendRecv)
			must(t, err)
			answer, err := far.AcceptOffer(offer, sdp.SendRecv)
			must(t, err)
			must(t, a.session.AcceptAnswer(answer, false))
			pass(time.Second)
			if method == InBand { // over the tone nobody would hear them
				must(t, far.Announce(nil))
			}
			digits, err := dtmf.ParseDigits("159")
			must(t, err)
			must(t, far.SendDigits(digits, method, nil))
			pass(3 * time.Second)
			got := ""
			for _, e := range a.told() {
				if d, ok := e.(DigitReceived); ok {
					got += string(d.Digit)
				}
			}
			if got != digits.Digits() {
				t.Errorf("method %d: heard %q", method, got)
			}
			must(t, far.Announce(said))
			pass(time.Second)
			if !a.hears(440) {
				t.Errorf("method %d: it does not go on", method)
			}
			if st := a.session.Stats(); st.Lost != 0 || st.Concealed > 2 || st.JitterMS > 5 {
				t.Errorf("method %d: %+v", method, st)
			}
		})
	}
}

// TestAnnouncement_ThatCannotBeSaid is refused.
func TestAnnouncement_ThatCannotBeSaid(t *testing.T) {
	if _, err := NewAnnouncement(audio.Clip{Rate: 8000, Channels: 1}, 8000); err == nil {
		t.Error("one without a sound was taken")
	}
	s, _ := alone(t, SessionConfig{})
	wide, err := NewAnnouncement(sineClip(440, audio.Rate16k, 16000), audio.Rate16k)
	must(t, err)
	if err := s.Announce(wide); err == nil {
		t.Error("16 kHz were taken by an engine of 8 kHz")
	}
}

// TestAnnouncement_AllocatesNothing for a packet, either way, and one that is encoded once is
// the same for all.
func TestAnnouncement_AllocatesNothing(t *testing.T) {
	r := newAloneRig(t)
	for range 500 {
		r.tick()
	}
	if n := testing.AllocsPerRun(500, r.tick); n != 0 {
		t.Errorf("%v allocations a tick of a call", n)
	}
	if st := r.session.Stats(); st.RxPackets < 1000 || st.TxPackets < 1000 || st.Lost != 0 || st.Concealed > 3 || st.MOS < 4 {
		t.Errorf("%+v", st)
	}
	if len(r.said.coded) != 1 || r.session.tx.encoder == nil {
		t.Errorf("it was encoded %d times", len(r.said.coded))
	}
}

// aloneRig is a session of a load test with canned sockets, that the test ticks itself.
type aloneRig struct {
	*rig
	said *Announcement
}

func newAloneRig(tb testing.TB) *aloneRig {
	tb.Helper()
	said, err := NewAnnouncement(sineClip(440, audio.Rate8k, audio.Rate8k), audio.Rate8k)
	if err == nil {
		r := &aloneRig{newRigOf(tb, SessionConfig{Unheard: true}), said}
		if err = r.session.Announce(said); err == nil {
			r.session.control.next = r.now.Add(1e6 * time.Hour) // a report may allocate
			return r
		}
	}
	tb.Fatal(err)
	return nil
}

func (r *aloneRig) tick() {
	r.comes()
	r.session.tickAlone(r.now, 0)
}
