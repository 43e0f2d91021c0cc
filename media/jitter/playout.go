package jitter

import "time"

// How what is played follows what is due.
const (
	calmTicks  = 10 // between two changes of one frame: 200 ms
	jumpFrames = 15 // further away than this it jumps
	lostTicks  = 5  // without a packet the sender pauses, rather than the network loses
	lateRun    = 5  // packets in a row too late: the way has become longer
)

// Next says what is due at now. Call it until the frame of the tick is filled,
// and Played after each item whose payload was decoded.
func (b *Buffer) Next(now time.Time) Item {
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
	// Above 0 we play later than need be, below 0 packets may not be here yet. What
	// is allowed is wider than the frame that a change moves it by.
	off := b.delay.due(now) - b.playTS
	b.wait--
	switch {
	case off > jumpFrames*frame:
		b.playTS += off
	case off > frame+frame/8 && b.held > 1 && b.wait <= 0:
		if item, ok := b.Following(); ok {
			b.wait = calmTicks
			b.count.Skipped++
			item.Kind = Skip
			return item
		}
	case off < -frame/4 && (b.held == 0 || b.wait <= 0):
		b.wait = calmTicks
		b.count.Stretched++
		return Item{Kind: Stretch, Units: b.cfg.Frame}
	}
	return b.play()
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
	b.playing, b.playTS, b.playExt, b.wait = true, first.ts, first.ext, calmTicks
	return b.play()
}

func (b *Buffer) play() Item {
	if item, ok := b.Following(); ok {
		return item
	}
	item := Item{Kind: Empty, Units: b.cfg.Frame}
	if first, ok := b.first(); ok {
		item.Kind = Silence
		item.Units = int(min(int64(item.Units), first.ts-b.playTS))
		for ext := b.playExt; ext < first.ext; ext++ {
			if !b.seen.has(ext) {
				item.Kind = Lost
				break
			}
		}
	} else if b.delay.idle < lostTicks {
		item.Kind = Lost
	}
	if item.Kind == Lost {
		b.count.Lost++
	}
	b.playTS += int64(item.Units)
	return item
}

// Following takes out the packet that is due behind what was played last, if it
// is there. Packets whose time is over are dropped. After a Skip item it gives
// what is to be blended with it.
func (b *Buffer) Following() (Item, bool) {
	frame := int64(b.cfg.Frame)
	for {
		s, ok := b.first()
		if !ok || s.ts > b.playTS+frame/2 {
			return Item{}, false
		}
		b.playExt = s.ext + 1
		if s.ts+frame <= b.playTS-frame/2 {
			b.count.Late++
			b.release(s)
			continue
		}
		b.count.Played++
		b.playTS = s.ts
		item := Item{Kind: Play, PayloadType: s.pt, Sequence: uint16(s.ext)}
		b.scratch = append(b.scratch[:0], s.payload...)
		item.Payload = b.scratch
		b.release(s)
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
		if s := &b.slots[ext&mask]; s.payload != nil && s.ext == ext {
			return s, true
		}
	}
	return nil, false
}
