package main

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"ringback/media/audio"
)

// A sounding measures the way from the ear piece back into the microphone: a short
// sweep is played, and looked for in what is heard.
const (
	sweepTime  = 50 * time.Millisecond
	sweepFrom  = 500.0 // Hz
	sweepTo    = 3500.0
	sweepLevel = -16.0 // dBFS
	sweepLead  = 200 * time.Millisecond
	sweepWait  = time.Second // for it to come back
	sweepSure  = 0.4         // correlation; noise stays below 0.25
)

// sounding is the phone's side of a device under test: it sounds the way first,
// then the microphone is played to the ear piece. Write and Read are called by
// two goroutines of the device, and neither locks nor allocates.
type sounding struct {
	rate  int
	sweep []int16
	ring  *audio.Ring
	peak  atomic.Int32 // of the microphone since it was last read, once sounded

	over     atomic.Bool // the microphone is played to the ear piece
	done     chan struct{}
	finish   sync.Once
	flows    atomic.Bool  // the microphone has given something
	sentAt   atomic.Int64 // when the sweep was handed over, Unix nanoseconds
	played   int          // samples since flows; Read only
	heard    []int16      // since flows; Write only until over
	arrivals []arrival
}

// arrival is when what was heard came: all before end.
type arrival struct {
	end int
	at  time.Time
}

func newSounding(rate int) *sounding {
	n := samplesIn(sweepLead+sweepWait, rate)
	s := &sounding{rate: rate, ring: audio.NewRing(rate / 2), done: make(chan struct{}),
		sweep: makeSweep(rate), heard: make([]int16, 0, n), arrivals: make([]arrival, 0, n)}
	return s
}

func samplesIn(d time.Duration, rate int) int { return int(d) * rate / int(time.Second) }

func makeSweep(rate int) []int16 {
	sweep := make([]int16, samplesIn(sweepTime, rate))
	top := 32767 * audio.Linear(sweepLevel)
	for i := range sweep {
		t, whole := float64(i)/float64(rate), sweepTime.Seconds()
		phase := 2 * math.Pi * (sweepFrom*t + (sweepTo-sweepFrom)*t*t/(2*whole))
		sweep[i] = int16(top * math.Sin(math.Pi*t/whole) * math.Sin(phase))
	}
	return sweep
}

// Write implements device.Writer.
func (s *sounding) Write(samples []int16) int {
	if s.over.Load() {
		peak := s.peak.Load()
		for _, x := range samples {
			peak = max(peak, int32(x), -int32(x))
		}
		s.peak.Store(peak)
		return s.ring.Write(samples)
	}
	s.flows.Store(true)
	n := min(len(samples), cap(s.heard)-len(s.heard))
	s.heard = append(s.heard, samples[:n]...)
	if len(s.arrivals) < cap(s.arrivals) {
		s.arrivals = append(s.arrivals, arrival{len(s.heard), time.Now()})
	}
	if len(s.heard) == cap(s.heard) {
		s.end()
	}
	return len(samples)
}

// end ends the sounding; the microphone is played to the ear piece from here on.
func (s *sounding) end() {
	s.finish.Do(func() {
		s.over.Store(true)
		close(s.done)
	})
}

// Read implements device.Reader.
func (s *sounding) Read(samples []int16) int {
	if s.over.Load() {
		return s.ring.Read(samples)
	}
	clear(samples)
	if !s.flows.Load() {
		return len(samples)
	}
	at := s.played - samplesIn(sweepLead, s.rate) // in the sweep
	s.played += len(samples)
	for i := range samples {
		if k := at + i; k >= 0 && k < len(s.sweep) {
			if samples[i] = s.sweep[k]; k == 0 {
				s.sentAt.Store(time.Now().UnixNano())
			}
		}
	}
	return len(samples)
}

// roundTrip is the time from handing the sweep over until it came back; false
// when it was not heard. Only when done is closed.
func (s *sounding) roundTrip() (time.Duration, bool) {
	sent := s.sentAt.Load()
	at, likeness := locate(s.heard, s.sweep)
	if sent == 0 || likeness < sweepSure {
		return 0, false
	}
	for _, a := range s.arrivals {
		if a.end > at {
			trip := a.at.Sub(time.Unix(0, sent))
			return trip, trip > 0
		}
	}
	return 0, false
}

// locate returns where in heard the pattern is most likely, and its correlation
// there, from 0 to 1.
func locate(heard, pattern []int16) (at int, likeness float64) {
	var own float64
	for _, x := range pattern {
		own += float64(x) * float64(x)
	}
	for i := 0; i+len(pattern) <= len(heard); i++ {
		var dot, power float64
		for k, x := range pattern {
			h := float64(heard[i+k])
			dot += h * float64(x)
			power += h * h
		}
		if power == 0 {
			continue
		}
		if r := math.Abs(dot) / math.Sqrt(own*power); r > likeness {
			at, likeness = i, r
		}
	}
	return at, likeness
}
