package media

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
)

// room is a clip of the noise of a room at 8 kHz.
func room(dbfs float64, length time.Duration) audio.Clip {
	rng, pcm := rand.New(rand.NewPCG(9, 9)), make([]int16, int(8000*length.Seconds()))
	for i := range pcm {
		pcm[i] = int16(32767 / 1.414 * audio.Linear(dbfs) * rng.NormFloat64())
	}
	return audio.Clip{Rate: 8000, Channels: 1, Samples: pcm}
}

func TestComfortNoise_PausesAreDescribedAndHeard(t *testing.T) {
	for _, names := range [][]string{{"PCMU"}, {"G722"}} {
		story(t, func(t *testing.T, n *simnet.Net) {
			change := func(c *SessionConfig) { c.Codecs, c.Comfort = names, true }
			a, b := newPhoneAt(t, n, hereIP, audio.Rate16k, change), newPhoneAt(t, n, thereIP, audio.Rate16k, change)
			defer a.close()
			defer b.close()
			connect(t, a, b)
			seen := watchRTP(n, hereIP)
			a.tone(440)
			pass(2 * time.Second)
			must(t, a.player.PlayClip(room(-55, time.Minute), false, nil))
			pass(2 * time.Second)
			said, before := len(*seen), a.session.Stats().TxPackets
			pass(20 * time.Second)
			noise := 0
			for _, p := range (*seen)[said:] {
				if p.payloadType == comfortNoise {
					noise++
				}
			}
			st := b.session.Stats()
			if sent := a.session.Stats().TxPackets - before; sent > 60 || noise < 15 || int(sent) != noise {
				t.Errorf("%v: %d packets in 20 s of a pause, %d of them noise", names, sent, noise)
			}
			if st.RxLevel < -58 || st.RxLevel > -52 || st.Concealed > 0 || st.Lost != 0 || count[MediaSilent](b) != 0 {
				t.Errorf("%v: a room of -55 dBFS is heard at %.1f: %+v", names, st.RxLevel, st)
			}
			a.tone(1004)
			pass(500 * time.Millisecond)
			if st := b.session.Stats(); !b.hears(1004) || st.Late+st.Concealed > 0 {
				t.Errorf("%v: after the pause: %v, %+v", names, b.hears(1004), st)
			}
		})
	}
}

// TestComfortNoise_AShortSoundIsNotTheRoom: what is too short to be speech (a key, a cough) is heard as
// it is, and the noise behind it is that of the room.
func TestComfortNoise_AShortSoundIsNotTheRoom(t *testing.T) {
	clip := room(-55, 20*time.Second)
	const every = 12000
	for at := 4 * 8000; at < len(clip.Samples); at += every {
		for i := range 320 { // 40 ms
			clip.Samples[at+i] += int16(4000 * math.Sin(float64(i)/3))
		}
	}
	loud := func(pcm []int16) (ticks int) {
		for ; len(pcm) >= 160; pcm = pcm[160:] {
			if audio.LevelDBFS(pcm[:160]) > -45 {
				ticks++
			}
		}
		return ticks
	}
	story(t, func(t *testing.T, n *simnet.Net) {
		change := func(c *SessionConfig) { c.Codecs, c.Comfort = []string{"PCMU"}, true }
		a, b := newPhone(t, n, hereIP, change), newPhone(t, n, thereIP, change)
		defer a.close()
		defer b.close()
		said, got := listenAt(t, a, a.player), listenAt(t, b, b.session)
		connect(t, a, b)
		must(t, a.player.PlayClip(clip, false, nil))
		pass(21 * time.Second)
		sent := a.session.Stats().TxPackets
		if s, g := loud(said.taken()), loud(got.taken()); s < 20 || g < s || g > s*3/2+2 || sent > 300 {
			t.Errorf("%d packets; %d ticks of sound were said, %d heard", sent, s, g)
		}
	})
}

// TestComfortNoise_OnlyWhereBothTakeIt: a peer that does not name it gets every frame; one
// that names it is answered only where we want it.
func TestComfortNoise_OnlyWhereBothTakeIt(t *testing.T) {
	for _, row := range []struct{ here, there bool }{{true, false}, {false, true}} {
		story(t, func(t *testing.T, n *simnet.Net) {
			a := newPhone(t, n, hereIP, func(c *SessionConfig) { c.Comfort = row.here })
			b := newPhone(t, n, thereIP, func(c *SessionConfig) { c.Comfort = row.there })
			defer a.close()
			defer b.close()
			offer, err := a.session.CreateOffer(3)
			must(t, err)
			answer, err := b.session.AcceptOffer(offer, 3)
			must(t, err)
			must(t, a.session.AcceptAnswer(answer, false))
			if bytes.Contains(offer, []byte("CN/8000")) != row.here || bytes.Contains(answer, []byte("CN/8000")) {
				t.Errorf("%+v: offer %s answer %s", row, offer, answer)
			}
			pass(3 * time.Second)
			before := a.session.Stats().TxPackets
			pass(2 * time.Second)
			if sent := a.session.Stats().TxPackets - before; sent < 95 {
				t.Errorf("%+v: %d packets in 2 s of silence", row, sent)
			}
		})
	}
}
