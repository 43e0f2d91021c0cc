package media

import (
	"math/bits"
	"time"
)

// lookEvery is the time between two looks of a session at its levels.
const lookEvery = 100 * time.Millisecond

// After how much digital silence a microphone counts as off. A microphone that is on hears
// the noise of its room: where that was heard, and never a pause without it, its end is a
// switch. Where pauses are digital silence, by a noise gate or by silence suppression that
// does not say so, a listener is silent for as long as the other talks.
const (
	switchedOff   = 3 * time.Second
	gatedFor      = 15 * time.Second
	oursAtFirst   = 5 * time.Second  // nothing was ever heard: who takes a call speaks first
	theirsAtFirst = 10 * time.Second // and is listened to
)

// What is heard of a level.
const (
	nothingHeard = 8     // of 32767: G.711 makes 8 of nothing
	quietNoise   = 330   // -40 dBFS: the noise of a room is below, and speech is not for long
	roomFor      = 10    // looks with such noise make a room
	gateLooks    = 3     // looks without any make a pause of a gate; between words of a room there is none
	fullScale    = 32100 // of 32767: the loudest of G.711 is 32124, or 32256 by the A-law
	clipLooks    = 4     // of the last second with full scale: syllables, where a knock or a cough is one or two
	clipWindow   = 1<<10 - 1
	calmWindow   = 1<<30 - 1 // looks without any, after which it is over
)

// loudness follows the peaks of one direction. The zero value is ready.
type loudness struct {
	silent  int    // looks with digital silence in a row
	quiet   int    // looks with the noise of a room, so far
	sounded bool   // anything was heard
	gated   bool   // a pause was digital silence
	loud    uint32 // a bit for each look, the latest the lowest: full scale
}

// look takes the greatest magnitude since the last look. Where nothing is meant to flow, it
// begins anew.
func (l *loudness) look(flows bool, peak int) {
	if !flows {
		*l = loudness{quiet: l.quiet, gated: l.gated}
		return
	}
	l.loud <<= 1
	if peak >= fullScale {
		l.loud |= 1
	}
	if peak <= nothingHeard {
		l.silent++
		return
	}
	if l.sounded && l.silent >= gateLooks && l.silentFor() < switchedOff {
		l.gated = true
	}
	l.silent, l.sounded = 0, true
	if peak < quietNoise {
		l.quiet++
	}
}

func (l *loudness) silentFor() time.Duration { return time.Duration(l.silent) * lookEvery }

// nothing says that the microphone counts as off, which takes atFirst when nothing was ever
// heard.
func (l *loudness) nothing(atFirst time.Duration) bool {
	limit := gatedFor
	switch {
	case l.gated:
	case !l.sounded:
		limit = atFirst
	case l.quiet >= roomFor:
		limit = switchedOff
	}
	return l.silentFor() >= limit
}

// clips says that full scale comes again and again; once told, until it has ceased for 3 s.
func (l *loudness) clips(told bool) bool {
	if told {
		return l.loud&calmWindow != 0
	}
	return bits.OnesCount32(l.loud&clipWindow) >= clipLooks
}
