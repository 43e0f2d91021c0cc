package jitter

import "time"

// How what is played follows what is due.
const (
	jumpFrames = 15 // further away than this it jumps
	lostTicks  = 5  // made up without a packet here: the sender pauses, rather than the network loses
	pauseTicks = 10 // without a packet at all: likewise
	lateRun    = 5  // packets in a row too late: the way has become longer
	calmDown   = 4  // ticks between two times that sound is made shorter, while it is not urgent
	calmUp     = 2  // and longer
	tryAgain   = 3  // ticks until it is tried again where nothing there was alike enough, while it is not urgent
	tryRest    = 25 // the same, for what is left over within a frame
)

// Next says what is due at now. ahead is what was taken out before and is not heard
// yet, in timestamp units: less than a frame. Call it until the frame of the tick is filled, and Played
// after each item whose payload was decoded.
func (b *Buffer) Next(now time.Time, ahead int) Item {
	if b.delay.idle < maxIdle {
		b.delay.idle++
	}
	frame := int64(b.cfg.Frame)
	if !b.started || !b.delay.known {
		return Item{Kind: Empty, Units: b.cfg.Frame}
	}
	if !b.playing {
		return b.begin(now)
	}
	// Above 0 we take packets later than need be, below 0 they may not be here yet. What
	// was taken before its time is heard so much later, and does not make up for that.
	off := b.delay.due(now) - b.playTS
	b.wait, b.rest = b.wait-1, b.rest-1
	if off > jumpFrames*frame {
		b.playTS += off
		b.expanded = 0
	}
	item := b.play()
	if item.Kind == Play {
		item.Off = b.pace(off, int64(ahead))
	}
	return item
}

// pace says by how much the sound may be changed now, in timestamp units: above 0
// made shorter, below 0 longer; 0 leaves it as it is. Packets are taken once a tick, so
// that the delay moves in whole frames: what is made longer becomes one frame more to
// wait when it adds up to that, and what is left over is taken out again.
func (b *Buffer) pace(off, ahead int64) int {
	frame := int64(b.cfg.Frame)
	b.again = nil
	switch {
	case off < -frame/4 && b.wait <= calmDown-calmUp:
		return int(min(off, ahead-frame))
	case off > 4*frame && b.wait <= calmDown-calmUp:
		return int(off)
	case off > frame+b.slack() && b.wait <= 0:
		b.again = &b.wait
		return int(off)
	case off >= 0 && ahead > frame/10 && b.wait <= 0 && b.rest <= 0:
		b.again = &b.rest
		return int(ahead)
	}
	return 0
}

// slack is by how much more than a frame too late sound is before a frame of it is taken
// out: nothing where no packet is late, and there is nothing to fear.
func (b *Buffer) slack() int64 {
	if b.delay.target <= b.delay.calm() {
		return 0
	}
	return int64(b.cfg.Frame) / 4
}

// Changed tells that the sound of the last item was made shorter (above 0) or longer
// (below 0) by so many timestamp units, as its Off allowed; 0: it was tried in vain.
func (b *Buffer) Changed(units int) {
	switch {
	case units > 0:
		b.count.Accelerated += uint64(units)
	case units < 0:
		b.count.Decelerated += uint64(-units)
	}
	switch {
	case units != 0:
		b.wait = calmDown
	case b.again == &b.wait:
		b.wait = tryAgain
	case b.again == &b.rest:
		b.rest = tryRest
	}
}

// begin waits until the first packet is due.
func (b *Buffer) begin(now time.Time) Item {
	first, ok := b.first()
	if !ok {
		return Item{Kind: Empty, Units: b.cfg.Frame}
	}
	if b.delay.due(now) < first.ts {
		return Item{Kind: Silence, Units: b.cfg.Frame}
	}
	b.playing, b.playTS, b.playExt, b.wait, b.expanded, b.guessed = true, first.ts, first.ext, calmDown, 0, 0
	return b.play()
}

func (b *Buffer) play() Item {
	b.settle()
	if item, ok := b.Following(); ok {
		return item
	}
	first, ok := b.first()
	switch {
	case ok:
		return b.missing(first)
	case b.delay.idle <= pauseTicks && b.expanded < lostTicks*int64(b.cfg.Frame):
		// Late or lost: nobody knows. The place stays, so that it can still be played.
		b.expanded += int64(b.cfg.Frame)
		b.guessed++
		return Item{Kind: Lost, Units: b.cfg.Frame}
	}
	b.playTS += int64(b.cfg.Frame) + b.expanded
	b.expanded = 0
	return Item{Kind: Empty, Units: b.cfg.Frame}
}

// settle makes up the account of what was made up while nothing was here, once there
// is a packet: it stands for what is missing before that packet, and is nothing at all
// when the sender only paused.
func (b *Buffer) settle() {
	first, ok := b.first()
	if !ok || b.guessed == 0 && b.expanded == 0 {
		return
	}
	gap := first.ts - b.playTS
	paused := gap > 0 && !b.anyMissing(first.ext)
	if !paused {
		b.count.Lost += b.guessed
	}
	if gap <= int64(b.cfg.Frame)/2 && b.guessed > 0 {
		b.count.Waited++
	}
	if gap > 0 {
		b.playTS += min(gap, b.expanded)
	}
	b.guessed, b.expanded = 0, 0
}

// anyMissing says that a packet before ext, and not yet played, never came.
func (b *Buffer) anyMissing(ext int64) bool {
	for e := b.playExt; e < ext; e++ {
		if !b.seen.has(e) {
			return true
		}
	}
	return false
}

// missing is what there is in place of sound before the first packet held.
func (b *Buffer) missing(first *slot) Item {
	item := Item{Kind: Silence, Units: int(min(int64(b.cfg.Frame), first.ts-b.playTS))}
	if b.anyMissing(first.ext) {
		item.Kind = Lost
		b.count.Lost++
	}
	b.playTS += int64(item.Units)
	if item.Kind == Lost && first.ts == b.playTS && !b.seen.has(first.ext-1) {
		item.PayloadType, item.Next = first.pt, first.payload
	}
	return item
}

// Following takes out the packet that is due behind what was played last, if it
// is there. Packets whose time is over are dropped. When sound is to be made shorter
// it gives what more is needed for that.
func (b *Buffer) Following() (Item, bool) {
	frame := int64(b.cfg.Frame)
	for {
		s, ok := b.first()
		if !ok || s.ts > b.playTS+frame/2 {
			return Item{}, false
		}
		b.playExt = s.ext + 1
		if s.ts+frame <= b.playTS-frame/2 {
			b.count.Discarded++
			b.release(s)
			continue
		}
		b.count.Played++
		b.playTS = s.ts
		item := Item{Kind: Play, PayloadType: s.pt, Sequence: uint16(s.ext), Units: int(s.units)}
		b.spare(b.lent)
		b.lent, item.Payload, s.payload, s.used = s.payload, s.payload, nil, false
		b.held--
		return item, true
	}
}

// Played tells how many timestamp units the last item's payload held, so that
// the next is due behind it.
func (b *Buffer) Played(units int) {
	if units > 0 && b.playing {
		b.playTS += int64(units)
	}
}

// first is the packet held with the least sequence number.
func (b *Buffer) first() (*slot, bool) {
	if b.held == 0 {
		return nil, false
	}
	mask := int64(len(b.slots) - 1)
	for ext := b.playExt; ext <= b.maxExt; ext++ {
		if s := &b.slots[ext&mask]; s.used && s.ext == ext {
			return s, true
		}
	}
	return nil, false
}
