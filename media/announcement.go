package media

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"ringback/media/audio"
	"ringback/media/codec"
)

// Announcement is sound that sessions say again and again. What thousands of them send of
// it is made once, where the codec allows that: a load test's calls say the same. Make one
// with NewAnnouncement; any goroutine may use it.
type Announcement struct {
	rate    int
	samples []int16

	mu    sync.Mutex
	coded map[string][]byte // of each codec that has no memory
}

// NewAnnouncement is that of a clip, for engines of that rate in Hz. It fails for a clip
// without samples.
func NewAnnouncement(c audio.Clip, rate int) (*Announcement, error) {
	if c.Frames() == 0 {
		return nil, errors.New("make announcement: it holds no sound")
	}
	return &Announcement{rate: rate, samples: c.Mono(rate).Samples, coded: map[string][]byte{}}, nil
}

// of is the whole of it in a codec, so many bytes a sample; nil where what is sent depends
// on what was sent before.
func (a *Announcement) of(c codec.Codec, encoder codec.Encoder) ([]byte, int) {
	if !c.Memoryless || c.SampleRate != a.rate {
		return nil, 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	coded, ok := a.coded[c.String()]
	if !ok {
		var err error
		if coded, err = encoder.Encode(nil, a.samples); err != nil {
			coded = nil
		}
		a.coded[c.String()] = coded
	}
	return coded, len(coded) / len(a.samples)
}

// saying is where a session is in an announcement.
type saying struct {
	of    *Announcement // nil: silence
	coded []byte        // all of it in the codec that is sent; nil: it is encoded as it goes
	width int           // bytes of coded that a sample takes
	at    int           // the next sample
	owed  int           // samples whose time has come, and that no packet holds yet
	unmet int           // samples before at of which the level is not known yet
}

// unmetFrames is how many frames of what was sent make its level: of those before nothing
// is left in it.
const unmetFrames = 64

// Announce has the session say a from its begin, again and again, while it is in no bridge;
// nil: silence. It fails for an announcement of another rate than the engine's.
func (s *Session) Announce(a *Announcement) error {
	if a != nil && a.rate != s.engine.cfg.Rate {
		return fmt.Errorf("announce at %d Hz: the engine has %d Hz", a.rate, s.engine.cfg.Rate)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tx.meet()
	s.tx.says = saying{of: a}
	s.tx.prepare()
	return nil
}

// prepare looks for what is said in the codec that is sent.
func (t *transmitter) prepare() {
	if t.says.of != nil && t.on {
		t.says.coded, t.says.width = t.says.of.of(t.codec, t.encoder)
	}
}

// announce sends what a tick of a session in no bridge has to send.
func (s *Session) announce(now time.Time) {
	t := &s.tx
	said := &t.says
	if said.coded == nil || t.pauses != nil || t.tone != nil || len(t.fifo) > 0 {
		t.fifo = said.take(t.fifo, said.owed)
		said.owed = 0
		b := s.borrow()
		s.transmit(said.take(b.pcm[:0], t.samples()), now)
		return
	}
	if !s.mayTransmit() || s.sendEvents(now) {
		return
	}
	said.owed += t.samples()
	for said.owed >= t.perPkt {
		s.sendSaid(now)
	}
}

// samples is how many there are in a tick.
func (t *transmitter) samples() int { return audio.FrameSamples(t.rate) }

// take appends the next n samples.
func (a *saying) take(to []int16, n int) []int16 {
	if a.of == nil {
		for range n {
			to = append(to, 0)
		}
		return to
	}
	all := a.of.samples
	for n > 0 {
		part := all[a.at:min(len(all), a.at+n)]
		to = append(to, part...)
		n -= len(part)
		a.at = (a.at + len(part)) % len(all)
	}
	return to
}

// sendSaid sends the next packet out of what is encoded already.
func (s *Session) sendSaid(now time.Time) {
	t := &s.tx
	said := &t.says
	packet, n, err := s.begin()
	if err != nil {
		t.failures++
	} else {
		bytes := min(t.perPkt*said.width, len(packet)-n-srtpOverhead)
		from := said.at * said.width
		for payload := packet[n : n+bytes]; len(payload) > 0; from = 0 {
			payload = payload[copy(payload, said.coded[from:]):]
		}
		t.talks = true
		s.sendPacket(packet[:n+bytes], bytes, now)
	}
	said.at = (said.at + t.perPkt) % len(said.of.samples)
	said.owed -= t.perPkt
	said.unmet += t.perPkt
	t.ts += uint32(t.codec.Ticks(t.perPkt))
}

// meet takes the level of what was sent since it was asked for last.
func (t *transmitter) meet() {
	said := &t.says
	if said.unmet == 0 {
		return
	}
	n := t.samples()
	said.unmet = min(said.unmet, unmetFrames*n)
	all := said.of.samples
	at := ((said.at-said.unmet)%len(all) + len(all)) % len(all)
	for said.unmet > 0 {
		part := all[at:min(len(all), at+min(n, said.unmet))]
		t.level.Add(part)
		said.unmet -= len(part)
		at = (at + len(part)) % len(all)
	}
}
