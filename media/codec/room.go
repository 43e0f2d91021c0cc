package codec

import (
	"math"

	"ringback/media/audio"
)

// The rule of a room: the quietest 20 ms that were heard lately are what it sounds like.
const (
	roomRises = 1.0046 // of its power, a frame: what is not heard again is forgotten at 1 dB a second
	roomMost  = -48.0  // dBFS: a louder sound is no noise of a room
)

// room is the noise of the far end's room, made up from what was heard of it: pieces of 5
// ms of its quietest moment, taken from random places and blended into each other.
type room struct {
	piece  []int16
	known  bool
	power  float64 // of piece, growing older
	gain   float64
	window []float64 // the way in of a piece; the squares of in and out add up to 1
	from   int       // where the piece that comes in begins
	before int       // and the one that goes out
	at     int
	random uint32
}

func newRoom(rate int) *room {
	r := &room{piece: make([]int16, audio.FrameSamples(rate)), window: make([]float64, rate/200), random: 1}
	for i := range r.window {
		r.window[i] = math.Sin(math.Pi / 2 * (float64(i) + 0.5) / float64(len(r.window)))
	}
	return r
}

func (r *room) learn(f audio.Frame) {
	if len(f) < len(r.piece) {
		return
	}
	f = f[:len(r.piece)]
	if r.power *= roomRises; r.known && audio.Louder(f, r.power) {
		return
	}
	power := audio.Power(f)
	copy(r.piece, f)
	r.known, r.power, r.gain = true, max(power, 1), 1
	if level := audio.PowerDBFS(power); level > roomMost {
		r.gain = audio.Linear(roomMost - level)
	}
}

func (r *room) forget() { r.known = false }

// next is its next sample.
func (r *room) next() float64 {
	if !r.known {
		return 0
	}
	n := len(r.window)
	if r.at == n {
		r.random = r.random*1664525 + 1013904223 // Numerical Recipes' generator: the ear asks for no more
		r.before, r.from, r.at = r.from+n, int(r.random>>8)%(len(r.piece)-2*n+1), 0
	}
	in, out := r.window[r.at], r.window[n-1-r.at]
	v := in*float64(r.piece[r.from+r.at]) + out*float64(r.piece[r.before+r.at])
	r.at++
	return v * r.gain
}
