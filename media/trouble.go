package media

import (
	"fmt"
	"time"
)

// Trouble is what is wrong with what is heard, the worst first.
type Trouble uint8

// The troubles.
const (
	NoTrouble         Trouble = iota
	PathLost                  // ICE looks for another way to the peer
	EarStopped                // what the peer sends comes, and the headset does not take it
	MicrophoneStopped         // the headset delivers nothing
	Unheard                   // the peer reports that nothing of ours comes
	Lossy                     // too much of what the peer sends does not come
	FarLossy                  // too much of ours does not come, as the peer reports
	SaysNothing               // what we send is digital silence
	HearsNothing              // what the peer sends is digital silence
	Clips                     // what we send is too loud
	FarClips                  // what the peer sends is
)

// When a trouble is told.
const (
	lossEvery    = 10                     // looks of watch: a second
	flowsFor     = 300 * time.Millisecond // after a packet: the longest ptime, and some jitter
	muchLoss     = 0.05                   // of 5 s
	unheardAfter = 100                    // packets of ours that the peer does not count
	unheardByAll = 750                    // of which none of its reports tells, where another than this reporter did
	lossWindow   = 5                      // seconds
)

// String says it in words.
func (t Trouble) String() string {
	return [...]string{
		"what was wrong is over",
		"the path to the other side was lost, finding another: nothing is sent until there is one",
		"RTP arrives, the headset's stream stopped: what the other side says is not heard",
		"the microphone's stream stopped: the other side hears nothing of us",
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
	return [...]string{"", "path-lost", "headset-stopped", "microphone-stopped", "unheard", "loss", "far-loss", "says-nothing", "hears-nothing", "too-loud", "clipped"}[t]
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

	headset Headset
	out, in loudness
	share   float64 // of what the peer sent that was lost, 0 to 1

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

// look is called ten times a second.
func (s *Session) look(now time.Time) {
	t := &s.troubles
	s.tx.meet()
	sends, receives := s.tx.on && s.link.active.Sends(), s.link.active.Receives() && s.rx.buffer != nil
	t.out.look(sends && !t.headset.Muted && !t.headset.MicrophoneStopped, s.tx.level.TakePeak())
	t.in.look(receives && !s.alive.comfort && now.Sub(s.alive.last) < flowsFor, s.rx.level.TakePeak())
	if t.looks++; t.looks%lossEvery == 0 {
		t.countLoss(receives, &s.rx.losses)
	}
	far := 0.0
	if sends {
		far = float64(s.control.lossThey) / 256
	}
	arrives := receives && !s.alive.last.IsZero() && !s.alive.warned
	worst, of := t.worst(sends, arrives, far)
	if s.path.lost {
		worst, of = PathLost, 0
	}
	s.isTrouble(worst, of)
}

// isTrouble tells what is wrong from now on, unless that was told.
func (s *Session) isTrouble(worst Trouble, of float64) {
	if worst != s.troubles.now {
		s.troubles.now = worst
		s.out.add(TroubleChanged{Trouble: worst, Share: of})
	}
}

// countLoss is called once a second.
func (t *troubles) countLoss(receives bool, l *losses) {
	t.at = (t.at + 1) % len(t.packets)
	recent, gone := l.packets-t.packets[t.at], l.lost+l.discarded-t.lost[t.at]
	t.packets[t.at], t.lost[t.at] = l.packets, l.lost+l.discarded
	t.share = 0
	if receives && recent >= 100 {
		t.share = float64(gone) / float64(recent)
	}
}

// worst is the first of what holds. What is told goes on until it is well below the mark.
func (t *troubles) worst(sends, arrives bool, far float64) (Trouble, float64) {
	mark := func(which Trouble) float64 {
		if t.now == which {
			return muchLoss / 2
		}
		return muchLoss
	}
	switch {
	case arrives && t.headset.EarStopped:
		return EarStopped, 0
	case sends && t.headset.MicrophoneStopped && !t.headset.Muted:
		return MicrophoneStopped, 0
	case sends && t.unheard:
		return Unheard, 0
	case t.share > mark(Lossy):
		return Lossy, t.share
	case far > mark(FarLossy):
		return FarLossy, far
	case t.out.nothing(oursAtFirst):
		return SaysNothing, 0
	case t.in.nothing(theirsAtFirst):
		return HearsNothing, 0
	case t.out.clips(t.now == Clips):
		return Clips, 0
	case t.in.clips(t.now == FarClips):
		return FarClips, 0
	}
	return NoTrouble, 0
}

// Headset is what is known of the devices behind a session.
type Headset struct {
	MicrophoneStopped bool // it delivers nothing, or there is none any more
	EarStopped        bool // nothing is played
	Muted             bool // the peer is not meant to hear the microphone
}

// SetHeadset tells the session what is behind it: its troubles name what has stopped within
// a tenth of a second, and do not take silence on purpose for one. Any goroutine.
func (s *Session) SetHeadset(h Headset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles.headset = h
}
