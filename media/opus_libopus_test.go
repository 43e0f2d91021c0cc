//go:build opus && cgo

package media

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/sdp"
)

// opusPhones are two phones that talk Opus first.
func opusPhones(t *testing.T, n *simnet.Net, change ...func(*SessionConfig)) (a, b *phone) {
	change = append(change, func(c *SessionConfig) { c.Codecs = []string{"opus", "G722", "PCMU"} })
	a, b = newPhoneAt(t, n, hereIP, audio.Rate48k, change...), newPhoneAt(t, n, thereIP, audio.Rate48k, change...)
	connect(t, a, b)
	return a, b
}

func TestOpus_BothHearAndDialAt48000(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		seen := watchRTP(n, hereIP)
		a, b := opusPhones(t, n)
		defer a.close()
		defer b.close()
		a.tone(highHz)
		b.tone(1004)
		pass(time.Second)
		if a.session.Codec() != "opus/48000" || !a.hears(1004) || !b.hears(highHz) {
			t.Errorf("%s: heard %v and %v", a.session.Codec(), a.hears(1004), b.hears(highHz))
		}
		if p := (*seen)[20]; p.payloadType != 111 || p.step != 960 || p.payload > 200 {
			t.Errorf("sent %+v", p)
		}
		sent := make(chan error, 1)
		must(t, a.session.SendDigits(digits(t, "0123456789*#"), RFC4733, func(err error) { sent <- err }))
		must(t, <-sent)
		pass(time.Second)
		if got := heardDigits(b); got != "0123456789*#" {
			t.Errorf("digits %q", got)
		}
		if a.session.tx.events.ClockRate != 48000 {
			t.Errorf("events at %d", a.session.tx.events.ClockRate)
		}
	})
}

// TestOpus_PacketTimes: 30 and 50 ms are none of its own.
func TestOpus_PacketTimes(t *testing.T) {
	for ask, want := range map[int]int{10: 10, 20: 20, 30: 20, 40: 40, 50: 40, 60: 60, 120: 60} {
		story(t, func(t *testing.T, n *simnet.Net) {
			seen := watchRTP(n, hereIP)
			a := newPhoneAt(t, n, hereIP, audio.Rate48k)
			defer a.close()
			body := fmt.Sprintf("v=0\r\no=- 7 7 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 120\r\na=rtpmap:120 opus/48000/2\r\na=ptime:%d\r\n", thereIP, thereIP, ask)
			_, err := a.session.AcceptOffer([]byte(body), sdp.SendRecv)
			must(t, err)
			a.tone(440)
			pass(time.Second)
			if p := (*seen)[5]; p.payloadType != 120 || p.step != uint32(48*want) {
				t.Errorf("asked for %d ms, sent %+v", ask, p)
			}
		})
	}
}

// TestOpus_FECFollowsTheReports: what the peer reports as lost makes packets longer.
func TestOpus_FECFollowsTheReports(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := opusPhones(t, n)
		defer a.close()
		defer b.close()
		a.tone(440)
		pass(2 * time.Second)
		n.OneWay(hereIP, thereIP, simnet.Link{Loss: 0.15})
		pass(20 * time.Second)
		if a.session.tx.loss < 0.08 || a.session.Stats().RemoteLoss < 0.05 {
			t.Errorf("told the encoder of %.2f, the peer reports %.2f", a.session.tx.loss, a.session.Stats().RemoteLoss)
		}
		n.OneWay(hereIP, thereIP, simnet.Link{})
		pass(60 * time.Second)
		if a.session.tx.loss > 0.05 {
			t.Errorf("a minute after the losses the encoder is told of %.2f", a.session.tx.loss)
		}
		if !b.hears(440) {
			t.Error("not heard")
		}
	})
}

// TestOpus_PausesCostNoPackets: silence with DTX sends little, and nothing is taken for
// lost; the sound after it is there at once.
func TestOpus_PausesCostNoPackets(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := opusPhones(t, n, func(c *SessionConfig) { c.Opus.DTX = true })
		defer a.close()
		defer b.close()
		a.tone(440)
		pass(2 * time.Second)
		before := a.session.Stats().TxPackets
		a.player.Stop()
		pass(10 * time.Second)
		st := b.session.Stats()
		if quiet := a.session.Stats().TxPackets - before; quiet > 100 || st.Lost != 0 || count[MediaSilent](b) != 0 {
			t.Errorf("%d packets in 10 s of silence, %+v", quiet, st)
		}
		a.tone(1004)
		pass(500 * time.Millisecond)
		if !b.hears(1004) {
			t.Error("the tone after the pause is not heard")
		}
	})
}

// TestOpus_ChangesInACall: to a telephone's codec and back, and to a bridge of 8 kHz.
func TestOpus_ChangesInACall(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := opusPhones(t, n)
		defer a.close()
		defer b.close()
		a.tone(440)
		b.tone(1004)
		for i, codecs := range [][]string{{"PCMU"}, {"opus"}, {"G722"}, {"opus"}} {
			one, err := find(codecs)
			must(t, err)
			b.session.codecs = one
			renegotiate(t, b, a, sdp.SendRecv, sdp.SendRecv)
			pass(time.Second)
			if name, _, _ := strings.Cut(a.session.Codec(), "/"); name != codecs[0] || !a.hears(1004) || !b.hears(440) {
				t.Errorf("change %d: %s: heard %v and %v", i, a.session.Codec(), a.hears(1004), b.hears(440))
			}
		}
	})
}

// TestOpus_DigitsBesideAnOlderPBX: one that takes telephone-event at 8000 only, as many do
// beside Opus, gets digits whose durations are counted so, and sends them.
func TestOpus_DigitsBesideAnOlderPBX(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := opusPhones(t, n)
		defer a.close()
		defer b.close()
		offer, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		older := strings.NewReplacer("a=rtpmap:101 telephone-event/48000\r\na=fmtp:101 0-15\r\n", "", "telephone-event/48000", "no-event/48000")
		answer, err := b.session.AcceptOffer([]byte(older.Replace(string(offer))), sdp.SendRecv)
		must(t, err)
		must(t, a.session.AcceptAnswer(answer, false))
		a.tone(440)
		b.tone(1004)
		pass(time.Second)
		for _, p := range []*phone{a, b} {
			sent := make(chan error, 1)
			must(t, p.session.SendDigits(digits(t, "147#"), RFC4733, func(err error) { sent <- err }))
			must(t, <-sent)
		}
		pass(time.Second)
		if heardDigits(a) != "147#" || heardDigits(b) != "147#" || a.session.tx.events.ClockRate != 8000 || !a.hears(1004) || !b.hears(440) {
			t.Errorf("digits %q and %q at %d", heardDigits(a), heardDigits(b), a.session.tx.events.ClockRate)
		}
		for _, e := range b.told() {
			if d, ok := e.(DigitReceived); ok && (d.Duration < 80*time.Millisecond || d.Duration > 140*time.Millisecond) {
				t.Errorf("%s for %v", d.Digit, d.Duration)
			}
		}
		if st := b.session.Stats(); st.Resyncs > 1 || st.Late > 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestOpus_EachSendsWhatTheOtherAsksFor is TestPtime_EachSendsWhatTheOtherAsksFor with Opus.
func TestOpus_EachSendsWhatTheOtherAsksFor(t *testing.T) { eachPtime(t, "OPUS") }

// TestOpus_DigitsReceivedAt48000 is TestDigits_ReceivedOnTheCodecsClock with Opus.
func TestOpus_DigitsReceivedAt48000(t *testing.T) {
	hearsEvents(t, "opus/48000/2", 48000, 48000)
}

// TestOpus_ConferenceOfThirtyFour is TestConference_ThirtyFourWideAndNarrow at 48 kHz.
func TestOpus_ConferenceOfThirtyFour(t *testing.T) {
	confer(t, audio.Rate48k, []string{"PCMU", "OPUS", "G722", "L16/16000"})
}
