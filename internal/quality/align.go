package quality

import (
	"math"
	"slices"
	"time"

	"ringback/media/audio"
)

const (
	windowTime  = 400 * time.Millisecond
	silentBelow = -45.0 // dBFS: a window that says nothing
	certain     = 0.92  // correlation at which one need not look further
	credible    = 0.5   // below that nothing is said about the delay
	// leap is how far the delay moves from a window to the next where the match is not certain: what was
	// stretched or shortened is like another syllable more than like itself.
	leap = 500 * time.Millisecond
)

// Window is 400 ms of the reference, and where it was heard.
type Window struct {
	At    time.Duration // of its begin in the reference
	Delay time.Duration
	Match float64 // normalised correlation, -1 to 1
}

// Align finds the delay of each window that says something, from 0 to most. Both
// signals are at rate (Hz).
func Align(reference, heard []int16, rate int, most time.Duration) []Window {
	const low = audio.Rate8k
	a, b := audio.NewResampler(rate, low).Process(nil, reference), audio.NewResampler(rate, low).Process(nil, heard)
	size, limit, far := int(windowTime.Seconds()*low), int(most.Seconds()*low), int(leap.Seconds()*low)
	var found []Window
	last := 0
	for at := 0; at+size <= len(a); at += size {
		if audio.LevelDBFS(a[at:at+size]) < silentBelow {
			continue
		}
		near := low / 50
		lag, match := best(a[at:at+size], b, at, max(0, last-near), last+near)
		if match < certain {
			lag, match = best(a[at:at+size], b, at, 0, limit)
		}
		if match < certain && len(found) > 0 && max(lag-last, last-lag) > far {
			lag, match = best(a[at:at+size], b, at, max(0, last-far), min(last+far, limit))
		}
		if match >= credible {
			last = lag
		}
		found = append(found, Window{At: time.Duration(at) * time.Second / low, Delay: time.Duration(lag) * time.Second / low, Match: match})
	}
	return found
}

// best is the lag from least to most at which a is found in b behind at.
func best(a, b []int16, at, least, most int) (lag int, match float64) {
	var energy float64
	for _, v := range a {
		energy += float64(v) * float64(v)
	}
	match = -1
	var other float64
	for l := least; l <= most && at+l+len(a) <= len(b); l++ {
		part := b[at+l : at+l+len(a)]
		if l == least {
			for _, v := range part {
				other += float64(v) * float64(v)
			}
		} else {
			in, out := float64(part[len(part)-1]), float64(b[at+l-1])
			other += in*in - out*out
		}
		var sum int64
		for i, v := range a {
			sum += int64(v) * int64(part[i])
		}
		if c := float64(sum) / math.Sqrt(energy*other+1); c > match {
			lag, match = l, c
		}
	}
	return lag, match
}

// Delays are the credible delays of windows: least, median, 95th percentile, most.
func Delays(windows []Window) (least, median, p95, most time.Duration) {
	var all []time.Duration
	for _, w := range windows {
		if w.Match >= credible {
			all = append(all, w.Delay)
		}
	}
	if len(all) == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(all)
	return all[0], all[len(all)/2], all[len(all)*95/100], all[len(all)-1]
}
