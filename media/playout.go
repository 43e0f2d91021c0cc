package media

import (
	"time"

	"ringback/media/codec"
	"ringback/media/jitter"
)

// frame fills dst with what is to be heard at this tick.
func (r *receiver) frame(dst frame, now time.Time, receives bool) {
	if r.buffer == nil {
		clear(dst)
		return
	}
	for range maxItems {
		if len(r.fifo) >= len(dst) {
			break
		}
		item := r.buffer.Next(now, len(r.fifo)*r.clock/r.rate)
		r.put(item)
		if item.Off != 0 {
			r.pace(item.Off, len(dst))
		}
	}
	clear(dst[copy(dst, r.fifo):])
	r.consume(min(len(dst), len(r.fifo)))
	if !receives {
		clear(dst)
	}
	r.level.Add(dst)
}

// pace makes what waits to be heard shorter (off above 0) or longer, by at most off
// timestamp units, and by a period of its pitch. When it is far behind, sound without a
// pitch is changed as well.
func (r *receiver) pace(off, tick int) {
	force := off > 4*r.clock/50 || off < -r.clock/50
	most := min(max(off, -off)*r.rate/r.clock, tick, r.scaler.Longest())
	n := 0
	if off > 0 {
		if r.ahead(max(tick, most) + most) {
			n = r.scaler.Shorten(r.fifo, most, force)
			r.fifo = r.fifo[:len(r.fifo)-n]
		}
	} else {
		r.ahead(2 * most)
		r.fifo, n = r.scaler.Lengthen(r.fifo, most, force)
		n = -n
	}
	r.buffer.Changed(n * r.clock / r.rate)
}

// ahead decodes on until n samples are there, if the packets for it are.
func (r *receiver) ahead(n int) bool {
	for len(r.fifo) < n {
		item, ok := r.buffer.Following()
		if !ok {
			return false
		}
		r.put(item)
	}
	return true
}

func (r *receiver) consume(n int) { r.fifo = r.fifo[:copy(r.fifo, r.fifo[n:])] }

// put appends the sound of one item to the fifo.
func (r *receiver) put(item jitter.Item) {
	if item.Payload != nil && r.formats[item.PayloadType] >= 0 && r.decode(item) {
		return
	}
	units := item.Units
	if item.Kind == jitter.Play { // a format that is no longer agreed on, or a broken payload, or one that was not kept
		if item.Payload != nil {
			units = r.clock / 50
		}
		r.buffer.Played(units)
	}
	if item.Kind == jitter.Empty {
		r.empty++
	}
	if item.Payload == nil && r.empty <= hideTicks && r.hide(item) {
		return
	}
	n := min(max(1, units*r.rate/r.clock), r.samples)
	at := len(r.fifo)
	for range n {
		r.fifo = append(r.fifo, 0)
	}
	switch item.Kind {
	case jitter.Silence, jitter.Empty:
		r.hidden.Quiet(r.fifo[at:])
		if r.noisy || item.Kind == jitter.Empty && r.noise != nil { // what began the pause may be lost
			r.noise.Add(r.fifo[at:])
		}
	default:
		r.hidden.Conceal(r.fifo[at:])
	}
}

func (r *receiver) decode(item jitter.Item) bool {
	in := &r.inbound[r.formats[item.PayloadType]]
	pcm, err := in.decoder.Decode(r.decoded[:0], item.Payload)
	r.decoded = pcm
	if err != nil || len(pcm) == 0 {
		r.drops.count(dropUndecodable)
		return false
	}
	r.buffer.Played(in.codec.Ticks(len(pcm)))
	if r.noisy && int16(item.Sequence-r.noiseSeq) > 0 {
		r.noisy = false
	}
	r.perPacket = in.codec.Ticks(len(pcm))
	r.long = len(pcm) >= in.codec.FrameSamples()
	r.last, r.empty = in, 0
	r.append(in, pcm)
	return true
}

// append puts samples of a codec behind those that wait to be heard.
func (r *receiver) append(in *inbound, pcm []int16) {
	at := len(r.fifo)
	if in.toRate != nil {
		r.fifo = in.toRate.Process(r.fifo, pcm)
	} else {
		r.fifo = append(r.fifo, pcm...)
	}
	r.hidden.Good(r.fifo[at:])
}

// hideTicks is how long a decoder goes on by itself though nothing comes: in the pauses of
// Opus one packet in 400 ms describes the noise.
const hideTicks = 50

// hide has the decoder make up what is missing, where it can.
func (r *receiver) hide(item jitter.Item) bool {
	if r.last == nil {
		return false
	}
	hider, ok := r.last.decoder.(codec.Hider)
	if !ok {
		return false
	}
	var next []byte
	if item.Kind == jitter.Lost && item.Next != nil && r.formats[item.PayloadType] >= 0 && &r.inbound[r.formats[item.PayloadType]] == r.last {
		next = item.Next
	}
	pcm, err := hider.Hide(r.decoded[:0], item.Units*r.last.codec.SampleRate/r.clock, next)
	if err != nil {
		return false
	}
	r.decoded = pcm
	r.append(r.last, pcm)
	return true
}
