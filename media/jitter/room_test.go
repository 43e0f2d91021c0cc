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
