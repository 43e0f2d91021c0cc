package media

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/device"
	"ringback/media/mixer"
)

// clockwork is a device whose clock is off: it hears a sine and keeps what it plays, so much
// at a time as its chunk says, each up to late behind its time.
type clockwork struct {
	ppm   float64 // above 0: it is fast
	chunk time.Duration
	late  time.Duration

	length time.Duration // of the test

	mu    sync.Mutex
	keeps bool
	pcm   []int16
	short int // samples that it wanted and did not get
}

const driftHz = 1000

func (d *clockwork) Name() string { return "clockwork" }

func (d *clockwork) Start(io device.IO) (device.Stream, error) {
	s := &offBeatStream{quit: make(chan struct{}), done: make(chan struct{})}
	tone, rng := audio.NewTone(audio.Sine(driftHz, -12), io.Rate), rand.New(rand.NewPCG(1, 2))
	heard, played := make([]int16, samplesOf(d.chunk, io.Rate)), make([]int16, samplesOf(d.chunk, io.Rate))
	began := time.Now()
	go func() {
		defer close(s.done)
		for k := 1; ; k++ {
			due := began.Add(time.Duration(float64(k) * float64(d.chunk) / (1 + d.ppm*1e-6)))
			if d.late > 0 {
				due = due.Add(time.Duration(rng.Int64N(int64(d.late))))
			}
			select {
			case <-s.quit:
				return
			case <-time.After(time.Until(due)):
			}
			if io.Capture != nil {
				tone.Fill(heard)
				io.Capture.Write(heard)
			}
			d.play(played, io.Playback.Read(played))
			s.moved.Add(uint64(len(heard)))
		}
	}()
	return s, nil
}

func (d *clockwork) play(pcm []int16, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if clear(pcm[n:]); d.keeps {
		d.short += len(pcm) - n
		d.pcm = append(d.pcm, pcm...)
	}
}

func (d *clockwork) keep() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keeps = true
}

// pure says by how many parts in a million a sine is off hz, all that was left out or made up
// of it counted in, and the most by which a sample is off the sine's own recursion, as a share
// of its amplitude: a step of a hundredth is 0.01.
func pure(pcm []int16, rate int, hz float64) (off, roughest float64) {
	amplitude, turn := 32767*math.Pow(10, -12/20.0), 2*math.Cos(2*math.Pi*hz/float64(rate))
	for i := 2; i < len(pcm); i++ {
		roughest = max(roughest, math.Abs(float64(pcm[i])-turn*float64(pcm[i-1])+float64(pcm[i-2]))/amplitude)
	}
	// The phase, 20 ms by 20 ms, added up over all of it.
	block, before, phase := rate/50, complex128(0), 0.0
	turned, step := complex(1, 0), cmplx.Rect(1, -2*math.Pi*hz/float64(rate))
	for at := 0; at+block <= len(pcm); at += block {
		var z complex128
		for _, s := range pcm[at : at+block] {
			z += complex(float64(s), 0) * turned
			turned *= step
		}
		if before != 0 {
			phase += cmplx.Phase(z / before)
		}
		before = z
	}
	return phase / (2 * math.Pi * hz * float64(len(pcm)-block) / float64(rate)) * 1e6, roughest
}

// A device's clock that is off is heard by nobody: a sine stays one, nothing of it is left
// out or made up, and no delay grows.
func TestDevicePort_DriftIsInaudible(t *testing.T) {
	const ms = time.Millisecond
	for _, d := range []*clockwork{
		{ppm: 500, chunk: 10 * ms, length: 2 * time.Minute}, {ppm: -500, chunk: 10 * ms, length: 2 * time.Minute},
		{ppm: 100, chunk: 5 * ms, length: time.Minute}, {ppm: -100, chunk: 20 * ms, length: time.Minute},
		{ppm: -300, chunk: 10 * ms, late: 4 * ms, length: time.Minute},
	} {
		t.Run(fmt.Sprintf("ppm=%v/chunk=%v/late=%v", d.ppm, d.chunk, d.late), func(t *testing.T) {
			story(t, func(t *testing.T, _ *simnet.Net) { followDrift(t, d) })
		})
	}
}

func followDrift(t *testing.T, d *clockwork) {
	const rate = audio.Rate8k
	e := NewEngine(EngineConfig{Shards: 1, Rate: rate})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	port, err := e.NewDevicePort(DeviceConfig{Devices: []device.Device{d}, Listen: true})
	must(t, err)
	p, b, hears := e.NewPlayer(), e.NewBridge(), &probe{}
	for _, port := range []Port{port, p, hears} {
		_, err := b.Add(port)
		must(t, err)
	}
	must(t, b.SetRoutes([]mixer.Route{{From: p.Slot(), To: port.Slot()}, {From: port.Slot(), To: hears.Slot()}}))
	p.PlayTone(audio.Sine(driftHz, -12), nil)
	pass(15 * time.Second) // the clocks are learned

	d.keep()
	hears.mu.Lock()
	hears.keep = true
	hears.mu.Unlock()
	var most, off [2]float64 // of microphone and ear: seconds that wait, and that are too many or too few
	for range d.length / (50 * time.Millisecond) {
		pass(50 * time.Millisecond)
		for i, r := range []*elastic{port.mic.ring, port.ear.ring} {
			r.mu.Lock()
			most[i] = max(most[i], float64(r.Len())/rate)
			off[i] = max(off[i], math.Abs(r.apart(r.Len())-r.wanted))
			r.mu.Unlock()
		}
	}
	cancel()
	must(t, <-ended)

	// A frame and a chunk wait, and what comes late is waited for: more or less of that within
	// the length is no drift.
	late := d.late.Seconds()
	wait, wander := (2*audio.FrameTime+d.chunk).Seconds()+3*late, 5+1.5e6*late/d.length.Seconds()
	for i, way := range []struct {
		name string
		pcm  []int16
		ppm  float64
	}{{"microphone", hears.pcm, d.ppm}, {"ear", d.pcm, -d.ppm}} {
		ppm, roughest := pure(way.pcm, rate, driftHz)
		t.Logf("%s: %.1f ppm, roughest %.4f, %.1f ms wait at most, %.2f ms off", way.name, ppm, roughest, 1000*most[i], 1000*off[i])
		if math.Abs(ppm-way.ppm) > wander || roughest > 0.002 {
			t.Errorf("%s: %.1f ppm off, is %v; roughest %.4f, want 0.002", way.name, ppm, way.ppm, roughest)
		}
		if most[i] > wait || off[i] > 0.001+late {
			t.Errorf("%s: %.1f ms wait, want at most %.1f; %.1f ms off what is wanted", way.name, 1000*most[i], 1000*wait, 1000*off[i])
		}
	}
	if d.short > 0 {
		t.Errorf("ear: %d samples were not there in time", d.short)
	}
}
