package device

import "sync"

// maxOld bounds how many samples are thrown away when a device is put to work.
const maxOld = 1 << 16

// gate stands between a device and the phone's rings, which take one writer and
// one reader at a time. It starts shut; once cut it never opens again, and cut
// returns only when the device is outside of the rings. So a device that hangs
// inside of its library cannot touch them later.
type gate struct {
	io IO

	write, read sync.Mutex // one for each direction: they do not wait for each other
	open, ended bool       // under both
}

// wrap returns the IO that a device is given.
func wrap(io IO) (IO, *gate) {
	g := &gate{io: io}
	out := IO{Rate: io.Rate, Ceiling: io.Ceiling}
	if io.Capture != nil {
		out.Capture = (*capture)(g)
	}
	if io.Playback != nil {
		out.Playback = (*playback)(g)
	}
	return out, g
}

func (g *gate) set(open, ended bool) {
	g.write.Lock()
	g.read.Lock()
	g.open, g.ended = open && !g.ended, g.ended || ended
	g.read.Unlock()
	g.write.Unlock()
}

// pass opens the gate. What was to be heard before is old by now.
func (g *gate) pass() {
	g.forget()
	g.set(true, false)
}

func (g *gate) forget() {
	if g.io.Playback == nil {
		return
	}
	g.read.Lock()
	defer g.read.Unlock()
	if g.ended {
		return
	}
	if f, ok := g.io.Playback.(Forgetter); ok {
		f.Forget()
		return
	}
	old := make([]int16, 1024)
	for range maxOld / len(old) {
		if g.io.Playback.Read(old) == 0 {
			return
		}
	}
}

func (g *gate) cut() { g.set(false, true) }

type capture gate

func (c *capture) Write(samples []int16) int {
	c.write.Lock()
	defer c.write.Unlock()
	if !c.open {
		return len(samples) // heard by nobody
	}
	return c.io.Capture.Write(samples)
}

type playback gate

func (p *playback) Read(samples []int16) int {
	p.read.Lock()
	defer p.read.Unlock()
	if !p.open {
		return 0
	}
	return p.io.Playback.Read(samples)
}
