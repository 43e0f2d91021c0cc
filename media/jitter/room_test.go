package jitter

import "testing"

// The room grows with what comes, in whatever order, and loses nothing of it.
func TestPush_TheRoomGrows(t *testing.T) {
	b := New(Config{})
	s := &sender{ssrc: 1}
	var all []Packet
	for range DefaultSlots {
		p := s.next(epoch)
		p.Payload = []byte{byte(len(all))}
		all = append(all, p)
	}
	b.Push(all[0])
	for i := 2; i < len(all); i += 2 { // a gap behind each
		b.Push(all[i])
	}
	for i := 1; i < len(all); i += 2 {
		if got := b.Push(all[i]); got != Queued {
			t.Fatalf("packet %d: %v", i, got)
		}
	}
	if b.Len() != DefaultSlots || b.Counters().Overflows != 0 {
		t.Fatalf("%d held: %+v", b.Len(), b.Counters())
	}
	for ext := b.playExt; ext <= b.maxExt; ext++ {
		if at := &b.slots[ext&int64(len(b.slots)-1)]; at.ext != ext || at.payload[0] != byte(ext-b.playExt) {
			t.Fatalf("in the place of %d is %d, %v", ext-b.playExt, at.ext-b.playExt, at.payload)
		}
	}
	s.next(epoch)
	if b.Push(s.next(epoch)); b.Counters().Overflows != 2 || len(b.slots) != DefaultSlots {
		t.Errorf("the room has %d, %+v", len(b.slots), b.Counters())
	}
}

// TestBuffer_WithoutPayloads: packets that say what they hold are played as those that hold it,
// and nothing of them is kept.
func TestBuffer_WithoutPayloads(t *testing.T) {
	kept, bare := New(Config{}), New(Config{})
	s := &sender{ssrc: 1}
	now := epoch
	for i := range 300 {
		if p := s.next(now); i%20 != 7 {
			kept.Push(p)
			p.Units, p.Payload = 160, nil
			bare.Push(p)
		} else if i%40 == 7 {
			s.ssrc++ // another stream, which is held first
		}
		for {
			a, b := kept.Next(now, 0), bare.Next(now, 0)
			if a.Kind != b.Kind || a.Sequence != b.Sequence || a.Off != b.Off {
				t.Fatalf("at %d: %+v and %+v", i, a, b)
			}
			if a.Kind != Play {
				break
			}
			if b.Payload != nil || b.Units != 160 {
				t.Fatalf("at %d: %+v", i, b)
			}
			kept.Played(160)
			bare.Played(b.Units)
			break
		}
		now = now.Add(step)
	}
	if kept.Counters() != bare.Counters() || bare.Counters().Played < 250 || bare.Counters().Resyncs == 0 {
		t.Errorf("%+v and %+v", kept.Counters(), bare.Counters())
	}
	if len(bare.free) > 0 {
		t.Errorf("%d buffers were made", len(bare.free))
	}
}
