package media

import (
	"fmt"
	"time"

	"ringback/media/audio"
)

// Trouble is what is wrong with what is heard, the worst first.
type Trouble uint8

// The troubles.
const (
	NoTrouble    Trouble = iota
	Unheard              // the peer reports that nothing of ours comes
	Lossy                // too much of what the peer sends does not come
	FarLossy             // too much of ours does not come, as the peer reports
	SaysNothing          // what we send is digital silence
	HearsNothing         // what the peer sends is digital silence
	Clips                // what we send is too loud
	FarClips             // what the peer sends is
)

// When a trouble is told.
const (
	troubleEvery = 10               // looks of watch: a second
	nothingFor   = 15 * time.Second // of digital silence
	muchLoss     = 0.05             // of 5 s
	clipFor      = 3 * time.Second  // in which there is full scale in each second
	fullScale    = 32100            // of 32767: the loudest of G.711 is 32124, or 32256 by the A-law
	unheardAfter = 100              // packets of ours that the peer does not count
	unheardByAll = 750              // of which none of its reports tells, where another than this reporter did
	lossWindow   = 5                // seconds
)

// String says it in words.
func (t Trouble) String() string {
	return [...]string{
		"what was wrong is over",
		"the other side reports that it receives nothing: something on the way, such as a firewall or a translator of addresses, keeps our sound back",
		"much of what the other side sends does not come",
		"the other side reports that much of ours does not come",
		"only silence is sent: the microphone is muted, or gives no sound",
		"packets come, and only silence is in them: the other side is muted, or its microphone gives no sound",
		"what we say is too loud and distorted: turn the microphone down",
		"what the other side says is too loud and distorted",
	}[t]
}

// Name is one word for it, such as clipped; empty for none.
func (t Trouble) Name() string {
	return [...]string{"", "unheard", "loss", "far-loss", "says-nothing", "hears-nothing", "too-loud", "clipped"}[t]
}

// TroubleChanged tells what is wrong from now on, or that it is over. Share is what is
// lost of what is sent, 0 to 1, where that is the trouble.
type TroubleChanged struct {
	Trouble Trouble
	Share   float64
}

func (TroubleChanged) mediaEvent() {}

// Text is the reason in words.
func (e TroubleChanged) Text() string {
	if e.Share > 0 {
		return fmt.Sprintf("%s: %.0f %%", e.Trouble, 100*e.Share)
	}
	return e.Trouble.String()
}

// troubles is what is watched for it.
type troubles struct {
	looks int
	now   Trouble

	silentOut, silentIn time.Duration // digital silence so far
	loudOut, loudIn     time.Duration

	packets, lost [lossWindow]uint64 // as counted in each of the last seconds
	at            int

	reported  uint32 // greatest number of ours that the peer told of
	unheard   bool   // by its last report
	sentThen  uint64
	reportedN int
	reporter  uint32 // SSRC that told of ours last
	toldThen  uint64 // what was sent at that
}

// reportOfOurs takes a block about our stream, in a report of that SSRC: whether it moved on
// since the one before.
func (t *troubles) reportOfOurs(by, most uint32, sent uint64) {
	if t.reportedN > 0 && sent-t.sentThen >= unheardAfter {
		t.unheard = most == t.reported
	}
	if t.reportedN == 0 || sent-t.sentThen >= unheardAfter {
		t.reported, t.sentThen = most, sent
	}
	if t.reportedN == 0 {
		t.unheard = false // something came
	}
	t.reportedN++
	t.reporter, t.toldThen = by, sent
}

// reportWithout takes a report of that SSRC that knows nothing of our stream. A peer may
// have several SSRCs, of which one reports for all (RFC 8861 section 3), so that what
// others do not know means nothing as long as that one reports.
func (t *troubles) reportWithout(by uint32, sent uint64) {
	switch {
	case t.reportedN > 0 && by != t.reporter:
		if sent-t.toldThen >= unheardByAll {
			t.unheard = true
		}
	case sent-t.sentThen >= unheardAfter:
		t.unheard, t.sentThen = true, sent
	}
}

// look is called ten times a second, and looks once.
func (s *Session) look() {
	t := &s.troubles
	if t.looks++; t.looks%troubleEvery != 0 {
		return
	}
	sends, receives := s.tx.on && s.link.active.Sends(), s.link.active.Receives() && s.rx.buffer != nil
	t.levels(sends, &s.tx.level, &t.silentOut, &t.loudOut)
	t.levels(receives && !s.alive.warned && !s.alive.comfort, &s.rx.level, &t.silentIn, &t.loudIn)
	t.at = (t.at + 1) % len(t.packets)
	recent, gone := s.rx.losses.packets-t.packets[t.at], s.rx.losses.lost+s.rx.losses.discarded-t.lost[t.at]
	t.packets[t.at], t.lost[t.at] = s.rx.losses.packets, s.rx.losses.lost+s.rx.losses.discarded
	share := 0.0
	if receives && recent >= 100 {
		share = float64(gone) / float64(recent)
	}
	far := 0.0
	if sends {
		far = float64(s.control.lossThey) / 256
	}
	worst, of := t.worst(sends, share, far)
	if worst != t.now {
		t.now = worst
		s.out.add(TroubleChanged{Trouble: worst, Share: of})
	}
}

// worst is the first of what holds. What is told goes on until it is well below the mark.
func (t *troubles) worst(sends bool, share, far float64) (Trouble, float64) {
	mark := func(which Trouble) float64 {
		if t.now == which {
			return muchLoss / 2
		}
		return muchLoss
	}
	switch {
	case sends && t.unheard:
		return Unheard, 0
	case share > mark(Lossy):
		return Lossy, share
	case far > mark(FarLossy):
		return FarLossy, far
	case t.silentOut >= nothingFor:
		return SaysNothing, 0
	case t.silentIn >= nothingFor:
		return HearsNothing, 0
	case t.loudOut >= clipFor:
		return Clips, 0
	case t.loudIn >= clipFor:
		return FarClips, 0
	}
	return NoTrouble, 0
}

// levels follows for how long there was nothing, or full scale, in each second.
func (t *troubles) levels(flows bool, m *audio.LevelMeter, silent, loud *time.Duration) {
	peak := m.TakePeak()
	if !flows {
		*silent, *loud = 0, 0
		return
	}
	*silent += time.Second
	if peak > 8 { // G.711 makes 8 of nothing
		*silent = 0
	}
	*loud += time.Second
	if peak < fullScale {
		*loud = 0
	}
}
