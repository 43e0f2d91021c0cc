package media

import (
	"time"

	"ringback/media/audio"
	"ringback/media/codec"
)

func samplesOf(d time.Duration, rate int) int { return int(d) * rate / int(time.Second) }

// given is the device's side of what it hears, taken that of what it plays.
type (
	given elastic
	taken elastic
)

// Write implements device.Writer.
func (g *given) Write(samples []int16) int {
	e := (*elastic)(g)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.moved(e.now(), &e.in, len(samples))
	return e.ring.Write(samples)
}

// Read implements device.Reader.
func (t *taken) Read(samples []int16) int {
	e := (*elastic)(t)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.moved(e.now(), &e.out, len(samples))
	n := e.ring.Read(samples)
	e.short = e.short || n < len(samples)
	return n
}

// Forget implements device.Forgetter: another device begins, or the same anew.
func (t *taken) Forget() {
	e := (*elastic)(t)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring.Skip(e.ring.Len())
	e.out, e.short = beat{rate: e.rate}, true
}

// inlet is the way from a microphone.
type inlet struct {
	ring   *elastic
	hidden *codec.Concealer
	speed  *audio.Varispeed
	flows  bool // false: what comes is gathered until it is as much as is wanted
	raw    []int16
	second frame
}

func newInlet(rate int) *inlet {
	return &inlet{
		ring: newElastic(rate), hidden: codec.NewConcealer(rate), speed: audio.NewVarispeed(),
		raw: make([]int16, 2*audio.FrameSamples(rate)), second: make(frame, audio.FrameSamples(rate)),
	}
}

// pull fills dst with what is due.
func (in *inlet) pull(dst frame) {
	if in.take(dst) {
		in.hidden.Good(dst)
	} else {
		in.hidden.Quiet(dst)
	}
}

// take is pull from the ring, and says whether there was enough in it.
func (in *inlet) take(dst frame) bool {
	r := in.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.moved(now, &r.out, len(dst))
	speed := r.steer(now, r.ring.Len()-len(dst))
	if !in.flows && !in.begin(now, len(dst)) {
		return false
	}
	if in.flows = in.read(dst, speed); !in.flows {
		return false
	}
	// A device that comes back after a stall has all that it heard.
	if many := r.tooMany(now, r.ring.Len()); many >= len(dst) {
		r.ring.Skip(many - len(dst))
		if in.read(in.second, speed) {
			audio.Crossfade(dst, dst, in.second)
		}
		r.settle()
	}
	return true
}

// begin says that as much waits as is wanted when n samples have been taken, and drops what
// is more. The ring's lock is held.
func (in *inlet) begin(now float64, n int) bool {
	r := in.ring
	level := r.ring.Len() - n
	if !r.flows(now) {
		return false
	}
	over := int((r.apart(level) - r.want()) * r.rate)
	if level < 0 || over < 0 {
		return false
	}
	r.ring.Skip(min(over, level))
	r.settle()
	return true
}

// read fills dst at that speed, if there is enough.
func (in *inlet) read(dst frame, speed float64) bool {
	need := in.speed.Need(len(dst), speed)
	if in.ring.ring.Len() < need {
		return false
	}
	in.ring.ring.Read(in.raw[:need])
	in.speed.Fill(dst, in.raw[:need], speed)
	return true
}

// outlet is the way to a loudspeaker.
type outlet struct {
	ring   *elastic
	hidden *codec.Concealer
	speed  *audio.Varispeed
	spare  int // frames to come that are left out; kept is blended with the last of them
	kept   frame
	made   []int16 // what is put before a frame after the device found nothing
	paced  []int16
}

func newOutlet(rate int) *outlet {
	n := audio.FrameSamples(rate)
	return &outlet{
		ring: newElastic(rate), hidden: codec.NewConcealer(rate), speed: audio.NewVarispeed(),
		kept: make(frame, n), made: make([]int16, samplesOf(outletMost, rate)), paced: make([]int16, 0, 8*n),
	}
}

// outletMost is the most that is put before a frame.
const outletMost = time.Duration(elasticMost * float64(time.Second))

// push lets the device have a frame.
func (out *outlet) push(src frame) {
	r := out.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	now, level := r.now(), r.ring.Len()+len(src)
	r.moved(now, &r.in, len(src))
	speed := r.steer(now, level)
	if out.spare > 0 && !r.short {
		if out.spare--; out.spare == 0 {
			audio.Crossfade(out.kept, out.kept, src)
			out.write(out.kept, speed)
		}
		return
	}
	copy(out.kept, src)
	if r.short && r.flows(now) {
		r.short, out.spare = false, 0
		if few := int((r.want() - r.apart(level)) * r.rate); few > 0 {
			made := out.made[:min(few, len(out.made))]
			out.hidden.Quiet(made)
			out.write(made, 1)
		}
		r.settle()
	} else if out.spare = r.tooMany(now, level) / len(src); out.spare > 0 {
		return
	}
	out.hidden.Good(out.kept)
	out.write(out.kept, speed)
}

// write puts samples into the ring at that speed; what there is no room for is lost.
func (out *outlet) write(samples []int16, speed float64) {
	out.paced = out.speed.Process(out.paced[:0], samples, speed)
	out.ring.ring.Write(out.paced)
}
