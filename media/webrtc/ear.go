package webrtc

import (
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/webrtc/v4"

	"ringback/media/audio"
	"ringback/media/codec"
)

const deafAfter = 100 * time.Millisecond

// Reports are what came by RTCP.
type Reports struct {
	Blocks  int    // about what the Peer sends, in reports of a sender or receiver
	Lost    int    // packets, in the last of them
	Highest uint32 // sequence number with its cycles, in the last of them
	Senders int    // reports of a sender
	Byes    int
}

// ear is what a Peer hears, of all streams that come in.
type ear struct {
	mu      sync.Mutex
	last    time.Time // of sound
	tones   *audio.ToneFinder
	rate    int
	digits  []byte
	event   uint32 // timestamp of the last digit
	events  int
	count   int
	reports Reports
	own     func() uint32 // the SSRC that reports are about
}

// listen reads a stream until it ends.
func (e *ear) listen(track *pion.TrackRemote) {
	decoders := map[string]codec.Decoder{}
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		how := track.Codec()
		if how.MimeType == eventMIME {
			e.hearDigit(packet.Timestamp, packet.Payload)
			continue
		}
		found, ok := codec.Find(strings.TrimPrefix(how.MimeType, "audio/"), int(how.ClockRate))
		if !ok {
			continue
		}
		if decoders[how.MimeType] == nil {
			decoders[how.MimeType] = found.NewDecoder()
		}
		pcm, err := decoders[how.MimeType].Decode(nil, packet.Payload)
		if err == nil {
			e.hear(pcm, found.SampleRate)
		}
	}
}

func (e *ear) hear(pcm audio.Frame, rate int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if e.rate != rate || now.Sub(e.last) > deafAfter {
		e.tones, e.rate = audio.NewToneFinder(rate), rate
	}
	e.last = now
	e.count++
	e.tones.Add(pcm, nil)
}

// hearDigit takes a packet of a digit; all of one digit have the same timestamp.
func (e *ear) hearDigit(ts uint32, event []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count++
	if len(event) < 4 || int(event[0]) >= len(keys) || e.events > 0 && ts == e.event {
		return
	}
	e.events++
	e.event, e.digits = ts, append(e.digits, keys[event[0]])
}

// reportsOf is a ReadRTCP of pion's without its attributes.
func reportsOf[A any](read func() ([]rtcp.Packet, A, error)) func() ([]rtcp.Packet, error) {
	return func() ([]rtcp.Packet, error) {
		packets, _, err := read()
		return packets, err
	}
}

// readReports reads until the sender or receiver ends.
func (e *ear) readReports(read func() ([]rtcp.Packet, error)) {
	for {
		packets, err := read()
		if err != nil {
			return
		}
		e.mu.Lock()
		for _, p := range packets {
			e.report(p)
		}
		e.mu.Unlock()
	}
}

func (e *ear) report(p rtcp.Packet) {
	r := &e.reports
	blocks := []rtcp.ReceptionReport(nil)
	switch p := p.(type) {
	case *rtcp.SenderReport:
		r.Senders++
		blocks = p.Reports
	case *rtcp.ReceiverReport:
		blocks = p.Reports
	case *rtcp.Goodbye:
		r.Byes++
	}
	for _, b := range blocks {
		if b.SSRC == e.own() {
			r.Blocks++
			r.Lost, r.Highest = int(b.TotalLost), b.LastSequenceNumber
		}
	}
}

func (e *ear) hears(hz float64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tones != nil && time.Since(e.last) <= deafAfter && e.tones.Present(hz, 5)
}

func (e *ear) dialled() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return string(e.digits)
}

func (e *ear) packets() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

func (e *ear) reported() Reports {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reports
}
