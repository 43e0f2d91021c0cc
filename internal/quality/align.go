package quality

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"

	"ringback/media/audio"
)

const (
	windowTime  = 400 * time.Millisecond
	silentBelow = -45.0 // dBFS: a window that says nothing
	credible    = 0.5   // correlation below which nothing is said about the delay
	alignRate   = audio.Rate8k

	// A syllable that came badly may be more like another one than like itself, so that each window by
	// itself would now and then be heard in the wrong place. What is looked for is the way through all
	// windows: a delay that moves costs leapCosts, in correlation, and farCosts for each second; by up to
	// near it is free, so that a clock may drift.
	leapCosts = 0.4
	farCosts  = 0.5
	near      = 2 * time.Millisecond
	places    = 12   // of each window that are looked at
	certain   = 0.95 // correlation at which one window alone is believed that the delay moved and came back
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
	a, b := audio.NewResampler(rate, alignRate).Process(nil, reference), audio.NewResampler(rate, alignRate).Process(nil, heard)
	size, limit := units(windowTime), units(most)
	m := newMatcher(b, size, limit)
	var found []Window
	var rows [][]place
	for at := 0; at+size <= len(a); at += size {
		if audio.LevelDBFS(a[at:at+size]) < silentBelow {
			continue
		}
		if row := m.places(a[at:at+size], at); len(row) > 0 {
			found, rows = append(found, Window{At: time.Duration(at) * time.Second / alignRate}), append(rows, row)
		}
	}
	for i, p := range confirmed(likeliest(rows), rows) {
		found[i].Delay, found[i].Match = time.Duration(p.lag)*time.Second/alignRate, p.match
	}
	return found
}

func units(d time.Duration) int { return int(d.Seconds() * alignRate) }

// place is where a window may have been heard.
type place struct {
	lag   int
	match float64
	score float64 // of the best way to here
	from  int     // the place of the window before, on that way
}

// apart is how far the delays of two windows are apart.
func apart(p, q place) int { return max(p.lag-q.lag, q.lag-p.lag) }

// likeliest is one place of each row: the way of the greatest correlation, less what its
// leaps cost.
func likeliest(rows [][]place) []place {
	if len(rows) == 0 {
		return nil
	}
	for i, row := range rows {
		for k := range row {
			p := &row[k]
			p.score = p.match
			if i == 0 {
				continue
			}
			best := math.Inf(-1)
			for j, q := range rows[i-1] {
				score := q.score
				if by := apart(*p, q); by > units(near) {
					score -= leapCosts + farCosts*float64(by)/alignRate
				}
				if score > best {
					best, p.from = score, j
				}
			}
			p.score += best
		}
	}
	way := make([]place, len(rows))
	k := 0
	for j, p := range rows[len(rows)-1] {
		if p.score > rows[len(rows)-1][k].score {
			k = j
		}
	}
	for i := len(rows) - 1; i >= 0; i-- {
		way[i] = rows[i][k]
		k = way[i].from
	}
	return way
}

// confirmed puts a window that matches badly, far from both its neighbours, which are near to each
// other, where they are: in 400 ms nothing is made longer and shorter again by as much. Where it has no
// peak there, nothing is known of it.
func confirmed(way []place, rows [][]place) []place {
	for i := 1; i+1 < len(way); i++ {
		before, behind := way[i-1], way[i+1]
		off := func(p place) int { return min(apart(p, before), apart(p, behind)) }
		if way[i].match >= certain || off(way[i]) <= units(near)+2*apart(before, behind) {
			continue
		}
		way[i] = place{lag: before.lag}
		for _, p := range rows[i] {
			if off(p) <= units(near) && p.match > way[i].match {
				way[i] = p
			}
		}
	}
	return way
}

// matcher finds windows in one signal, by its Fourier transform.
type matcher struct {
	heard    []int16
	energy   []float64 // of all samples before
	size     int       // of a window
	limit    int       // the greatest lag
	fft      *fourier.FFT
	x, y     []float64
	fx, fy   []complex128
	matches  []float64 // by lag
	strength []int     // lags of the peaks, the highest first
}

func newMatcher(heard []int16, size, limit int) *matcher {
	length := 1
	for length < size+limit {
		length *= 2
	}
	m := &matcher{heard: heard, energy: make([]float64, len(heard)+1), size: size, limit: limit, fft: fourier.NewFFT(length),
		x: make([]float64, length), y: make([]float64, length), fx: make([]complex128, length/2+1), fy: make([]complex128, length/2+1)}
	for i, v := range heard {
		m.energy[i+1] = m.energy[i] + float64(v)*float64(v)
	}
	return m
}

// places are the lags behind at at which a is most like what was heard.
func (m *matcher) places(a []int16, at int) []place {
	m.correlate(a, at)
	m.strength = m.strength[:0]
	for l := range m.matches {
		if (l == 0 || m.matches[l] > m.matches[l-1]) && (l+1 == len(m.matches) || m.matches[l] >= m.matches[l+1]) {
			m.strength = append(m.strength, l)
		}
	}
	slices.SortStableFunc(m.strength, func(i, j int) int {
		switch d := m.matches[j] - m.matches[i]; {
		case d > 0:
			return 1
		case d < 0:
			return -1
		}
		return 0
	})
	row := make([]place, 0, places)
	for _, l := range m.strength[:min(places, len(m.strength))] {
		row = append(row, place{lag: l, match: m.matches[l]})
	}
	return row
}

// correlate fills matches: normalised, of each lag at which all of a may have been heard.
func (m *matcher) correlate(a []int16, at int) {
	m.matches = m.matches[:0]
	clear(m.x)
	clear(m.y)
	own := 0.0
	for i, v := range a {
		m.x[i] = float64(v)
		own += m.x[i] * m.x[i]
	}
	for i := 0; i < m.size+m.limit && at+i < len(m.heard); i++ {
		m.y[i] = float64(m.heard[at+i])
	}
	m.fft.Coefficients(m.fx, m.x)
	m.fft.Coefficients(m.fy, m.y)
	for i, v := range m.fx {
		m.fy[i] *= complex(real(v), -imag(v))
	}
	m.fft.Sequence(m.y, m.fy)
	for l := 0; l <= m.limit && at+l+m.size <= len(m.heard); l++ {
		other := m.energy[at+l+m.size] - m.energy[at+l]
		m.matches = append(m.matches, m.y[l]/float64(len(m.y))/math.Sqrt(own*other+1))
	}
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

// Course is the median of the credible delays in each span of the reference; below 0 where there
// is none.
func Course(windows []Window, span time.Duration) []time.Duration {
	var course []time.Duration
	for len(windows) > 0 {
		end := time.Duration(len(course)+1) * span
		n := 0
		for n < len(windows) && windows[n].At < end {
			n++
		}
		median := time.Duration(-1)
		if slices.ContainsFunc(windows[:n], func(w Window) bool { return w.Match >= credible }) {
			_, median, _, _ = Delays(windows[:n])
		}
		course, windows = append(course, median), windows[n:]
	}
	return course
}
