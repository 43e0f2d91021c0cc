package media

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"ringback/internal/simnet"
	"ringback/media/audio"
)

// TestEModel_ValuesOfTheStandard: ITU-T G.107 for delays, and G.711 with concealment
// (Ie 0, Bpl 25.1 of G.113 Appendix I) at losses.
func TestEModel_ValuesOfTheStandard(t *testing.T) {
	for delay, want := range map[float64]float64{0: 0, 100: 0, 150: 0.15, 200: 3.04, 300: 14.52, 400: 24.07} {
		if got := delayImpairment(delay); math.Abs(got-want) > 0.3 {
			t.Errorf("%v ms takes %.2f, want %.2f", delay, got, want)
		}
	}
	for _, row := range []struct{ loss, burst, want float64 }{{0, 1, 0}, {5, 1, 15.78}, {10, 1, 27.07}, {5, 2, 17.21}} {
		if got := lossImpairment(0, 25.1, row.loss, row.burst); math.Abs(got-row.want) > 0.05 {
			t.Errorf("%v %% in bursts of %v takes %.2f, want %.2f", row.loss, row.burst, got, row.want)
		}
	}
	for _, row := range []struct {
		wide       bool
		impairment float64
		want       float64
	}{{false, 0, 4.41}, {true, 0, 4.5}, {true, 13, 4.34}, {true, 35.8, 3.7}} { // G.722 and a telephone on the wide-band scale
		q := rated(row.wide, row.impairment, 50)
		if got := mos(q.listening); math.Abs(got-row.want) > 0.02 || q.conversation != q.listening || (q.scale == ScaleWide) != row.wide {
			t.Errorf("an impairment of %v, wide-band %v: MOS %.2f on the %s scale, want %.2f", row.impairment, row.wide, got, q.scale, row.want)
		}
	}
	for r, want := range map[float64]float64{93.2: 4.41, 80: 4.03, 60: 3.1, 0: 1, -5: 1, 120: 4.5} {
		if got := mos(r); math.Abs(got-want) > 0.02 {
			t.Errorf("R %v is MOS %.2f, want %.2f", r, got, want)
		}
	}
}

// TestLosses_PatternOfRandomAndOfBursts: the burst ratio is 1 at random and the mean length
// of bursts that it was given, and so are the lengths that RFC 3611 tells.
func TestLosses_PatternOfRandomAndOfBursts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var random losses
	for range 200_000 {
		random.count(rng.Float64() < 0.05, false)
	}
	if r := random.burstRatio(); r < 0.95 || r > 1.05 || math.Abs(random.share()-0.05) > 0.005 {
		t.Errorf("at random: burst ratio %.2f, share %.3f", r, random.share())
	}
	var bursts losses
	for range 1000 {
		for range 100 {
			bursts.count(false, false)
		}
		for range 4 {
			bursts.count(false, true)
		}
	}
	dense, thin, burst, gap := bursts.bursts()
	if r := bursts.burstRatio(); r < 3.7 || r > 4 || dense < 0.99 || thin > 0.01 || math.Abs(burst-4) > 1.1 || math.Abs(gap-101) > 2 {
		t.Errorf("in bursts of 4: ratio %.2f, density %.2f and %.2f, %.1f and %.1f packets", r, dense, thin, burst, gap)
	}
}

// withTones is a story of two phones, each of which says a tone.
func withTones(t *testing.T, fn func(n *simnet.Net, a, b *phone)) {
	t.Helper()
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		a.tone(440)
		b.tone(1004)
		fn(n, a, b)
	})
}

// TestXR_EachSideKnowsWhatTheOtherHears: what is lost in one direction is what the sender is
// told, in MOS and in share.
func TestXR_EachSideKnowsWhatTheOtherHears(t *testing.T) {
	withTones(t, func(n *simnet.Net, a, b *phone) {
		n.OneWay(hereIP, thereIP, simnet.Link{Loss: 0.1})
		pass(time.Minute)
		here, there := a.session.Stats(), b.session.Stats()
		if math.Abs(here.RemoteMOS-there.MOSListening) > 0.2 || here.RemoteMOS > 3.8 || there.RemoteMOS < 4.3 || here.MOSListening < 4.3 {
			t.Errorf("a hears %.2f and is told %.2f; b hears %.2f and is told %.2f", here.MOSListening, here.RemoteMOS, there.MOSListening, there.RemoteMOS)
		}
		if here.RemoteMOSBy != ByXR || there.RemoteMOSBy != ByXR {
			t.Errorf("told by %q and %q", here.RemoteMOSBy, there.RemoteMOSBy)
		}
		if there.BurstRatio > 1.3 || there.MouthToEarMS < 40 || there.MouthToEarMS > 120 || there.MOS > there.MOSListening {
			t.Errorf("%+v", there)
		}
	})
}

// A far end that sends no XR is known by the losses that it reports.
func TestReports_LetExpectWhatTheOtherHears(t *testing.T) {
	withTones(t, func(n *simnet.Net, a, b *phone) {
		pass(10 * time.Second)
		report := func(lost uint32) {
			a.session.mu.Lock()
			defer a.session.mu.Unlock()
			c := &a.session.control
			c.far = farMetrics{}
			a.session.onReports(1, []rtcp.ReceptionReport{{SSRC: a.session.tx.header.SSRC, TotalLost: lost, LastSequenceNumber: uint32(a.session.tx.header.SequenceNumber)}}, time.Now())
		}
		for _, row := range []struct {
			lost        uint32
			least, most float64
		}{{0, 4.3, 4.5}, {25, 3.5, 4.1}, {250, 1, 2.5}, {1<<24 - 1, 4.3, 4.5}, {1<<23 - 1, 1, 1.6}} { // of 500; one more came than was sent; nonsense
			report(row.lost)
			if st := a.session.Stats(); st.RemoteMOSBy != ByReports || st.RemoteMOS < row.least || st.RemoteMOS > row.most {
				t.Errorf("%d lost: MOS %.2f by %q, want %.1f to %.1f", row.lost, st.RemoteMOS, st.RemoteMOSBy, row.least, row.most)
			}
		}
	})
}

// TestXR_NonsenseChangesLittle: what a peer makes up is bounded, and what is not about us is
// not taken.
func TestXR_NonsenseChangesLittle(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		b.tone(1004)
		pass(3 * time.Second)
		before := a.session.Stats().MOS
		a.session.mu.Lock()
		ours := a.session.tx.header.SSRC
		for _, ssrc := range []uint32{ours, ours + 1} {
			a.session.onMetrics(&rtcp.ExtendedReport{Reports: []rtcp.ReportBlock{
				&rtcp.VoIPMetricsReportBlock{SSRC: ssrc, LossRate: 255, MOSLQ: 200, MOSCQ: 3, EndSystemDelay: 65535},
				&rtcp.UnknownReportBlock{Bytes: []byte{1, 2, 3, 4}}}})
		}
		a.session.mu.Unlock()
		st := a.session.Stats()
		if st.RemoteMOS != 0 || st.MOS < 1 || st.MOS >= before || math.IsNaN(st.MOS) {
			t.Errorf("MOS %v, the peer says %v", st.MOS, st.RemoteMOS)
		}
	})
}

// lastTrouble is what a phone was told last, and how often it was told anything.
func lastTrouble(p *phone) (last TroubleChanged, n int) {
	for _, e := range p.told() {
		if c, ok := e.(TroubleChanged); ok {
			last, n = c, n+1
		}
	}
	return last, n
}

func TestTrouble_IsToldInWords(t *testing.T) {
	for name, row := range map[string]struct {
		make func(n *simnet.Net, a, b *phone)
		end  func(n *simnet.Net, a, b *phone)
		want Trouble
		says string
	}{
		"loss": {func(n *simnet.Net, _, _ *phone) { n.OneWay(thereIP, hereIP, simnet.Link{Loss: 0.2}) },
			func(n *simnet.Net, _, _ *phone) { n.OneWay(thereIP, hereIP, simnet.Link{}) }, Lossy, "does not come: "},
		"loss there": {func(n *simnet.Net, _, _ *phone) { n.OneWay(hereIP, thereIP, simnet.Link{Loss: 0.2}) },
			func(n *simnet.Net, _, _ *phone) { n.OneWay(hereIP, thereIP, simnet.Link{}) }, FarLossy, "ours does not come: "},
		"one way": {func(n *simnet.Net, _, _ *phone) { n.OneWay(hereIP, thereIP, simnet.Link{Loss: 1}) },
			func(n *simnet.Net, _, _ *phone) { n.OneWay(hereIP, thereIP, simnet.Link{}) }, Unheard, "receives nothing"},
		"muted": {func(_ *simnet.Net, a, _ *phone) { a.player.Stop() },
			func(_ *simnet.Net, a, _ *phone) { a.tone(440) }, SaysNothing, "microphone is muted"},
		"muted there": {func(_ *simnet.Net, _, b *phone) { b.player.Stop() },
			func(_ *simnet.Net, _, b *phone) { b.tone(440) }, HearsNothing, "only silence is in them"},
		"too loud": {func(_ *simnet.Net, a, _ *phone) { a.player.PlayTone(audio.Sine(440, 3), nil) },
			func(_ *simnet.Net, a, _ *phone) { a.tone(440) }, Clips, "too loud"},
		"too loud there": {func(_ *simnet.Net, _, b *phone) { b.player.PlayTone(audio.Sine(1004, 3), nil) },
			func(_ *simnet.Net, _, b *phone) { b.tone(1004) }, FarClips, "what the other side says is too loud"},
	} {
		t.Run(name, func(t *testing.T) {
			withTones(t, func(n *simnet.Net, a, b *phone) {
				pass(20 * time.Second)
				if last, n := lastTrouble(a); n != 0 {
					t.Fatalf("without any: %s", last.Text())
				}
				row.make(n, a, b)
				pass(25 * time.Second)
				if last, _ := lastTrouble(a); last.Trouble != row.want || !strings.Contains(last.Text(), row.says) {
					t.Errorf("told %q", last.Text())
				}
				row.end(n, a, b)
				pass(30 * time.Second)
				if last, _ := lastTrouble(a); last.Trouble != NoTrouble {
					t.Errorf("still %q", last.Text())
				}
			})
		})
	}
}

// TestTrouble_TheHeadsetStops: a device that stands still, each way, is named within a second,
// and so is that it goes on; one that nobody is meant to hear is not.
func TestTrouble_TheHeadsetStops(t *testing.T) {
	for name, row := range map[string]struct {
		stops Headset
		quiet bool // the peer sends nothing
		want  Trouble
		says  string
	}{
		"the ear":                  {Headset{EarStopped: true}, false, EarStopped, "RTP arrives, the headset's stream stopped"},
		"both":                     {Headset{EarStopped: true, MicrophoneStopped: true}, false, EarStopped, "RTP arrives, the headset's stream stopped"},
		"the microphone":           {Headset{MicrophoneStopped: true}, false, MicrophoneStopped, "the microphone's stream stopped"},
		"both, and no RTP arrives": {Headset{EarStopped: true, MicrophoneStopped: true}, true, MicrophoneStopped, "the microphone's stream stopped"},
		"a muted microphone":       {Headset{MicrophoneStopped: true, Muted: true}, false, NoTrouble, ""},
	} {
		t.Run(name, func(t *testing.T) {
			withTones(t, func(n *simnet.Net, a, b *phone) {
				pass(5 * time.Second)
				if row.quiet {
					n.OneWay(thereIP, hereIP, simnet.Link{Loss: 1})
					pass(6 * time.Second)
				}
				a.session.SetHeadset(row.stops)
				pass(200 * time.Millisecond)
				if last, _ := lastTrouble(a); last.Trouble != row.want || row.want != NoTrouble && !strings.Contains(last.Text(), row.says) {
					t.Errorf("told %q", last.Text())
				}
				a.session.SetHeadset(Headset{})
				pass(200 * time.Millisecond)
				if last, n := lastTrouble(a); last.Trouble != NoTrouble && !row.quiet || row.want == NoTrouble && n != 0 {
					t.Errorf("still %q", last.Text())
				}
			})
		})
	}
}

// TestTrouble_WhoReports: a report that knows nothing of ours tells something only when it is of
// who reported on it, or when nobody does any more.
func TestTrouble_WhoReports(t *testing.T) {
	const a, b = 1, 2
	var w troubles
	sent, most := uint64(0), uint32(0)
	second := func(comes bool, reports ...func()) bool {
		if sent += 50; comes {
			most += 50
		}
		for _, r := range reports {
			r()
		}
		return w.unheard
	}
	without := func(by uint32) func() { return func() { w.reportWithout(by, sent) } }
	ours := func(by uint32) func() { return func() { w.reportOfOurs(by, most, sent) } }
	for i := range 20 {
		if second(true, without(a), ours(b)) {
			t.Fatalf("unheard in second %d, though %d reports on it", i, b)
		}
	}
	for i := range 14 {
		if second(true, without(a)) {
			t.Fatalf("unheard after %d s without a report", i)
		}
	}
	if !second(true, without(a)) {
		t.Error("heard, though nobody has reported for 15 s")
	}
	if second(true, ours(b)) {
		t.Error("unheard, though one reports again")
	}
	for range 2 {
		second(false, without(a), without(b))
	}
	if !w.unheard {
		t.Error("heard, though the one that reported knows nothing any more")
	}
	w = troubles{}
	for range 2 {
		second(false, without(a))
	}
	if !w.unheard {
		t.Error("heard, though nobody ever reported")
	}
	if second(true, ours(b)) {
		t.Error("unheard, though one has begun to report")
	}
}
