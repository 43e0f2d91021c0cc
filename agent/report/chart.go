package report

import (
	"fmt"
	"math"
	"strings"
)

// Chart is a drawing of lines over time, in the units of its view box.
type Chart struct {
	Title string
	Grid  []GridLine
	Lines []Line
	End   string // of the time
}

// GridLine is a value of the scale, and where it is.
type GridLine struct {
	Y    float64
	Text string
}

// Line is one of a chart.
type Line struct {
	Name, Class string
	Parts       []string // points; a value that is not there parts it
}

// Values are what a line shows, one for each moment; NaN where there is none.
type Values struct {
	Name string
	Of   []float64
}

// Axis is the scale of a chart. High 0 and Low 0: from 0 to what the values need.
type Axis struct{ Low, High float64 }

// Of the drawing.
const (
	left, right = 48.0, 795.0
	top, foot   = 10.0, 180.0
	steps       = 4 // of the grid
)

// Draw draws at most three lines over the moments at, seconds from the beginning. It
// is nil where there are too few moments for a line.
func Draw(title string, axis Axis, at []float64, lines ...Values) *Chart {
	if len(at) < 2 || len(lines) > 3 {
		return nil
	}
	if axis == (Axis{}) {
		axis.High = roundUp(lines)
	}
	end := max(at[len(at)-1], 1)
	y := func(v float64) float64 {
		return math.Round(10*(foot-(foot-top)*max(0, min(1, (v-axis.Low)/(axis.High-axis.Low))))) / 10
	}
	c := &Chart{Title: title, End: fmt.Sprintf("%.1f s", end)}
	for i := range steps + 1 {
		v := axis.High - (axis.High-axis.Low)*float64(i)/steps
		c.Grid = append(c.Grid, GridLine{y(v), fmt.Sprintf("%.4g", v)})
	}
	for i, l := range lines {
		c.Lines = append(c.Lines, Line{Name: l.Name, Class: []string{"in", "out", "third"}[i], Parts: parts(at, l.Of, func(t, v float64) string {
			return fmt.Sprintf("%.1f,%.1f ", left+(right-left)*t/end, y(v))
		})})
	}
	return c
}

// parts are the points of a line.
func parts(at, values []float64, point func(t, v float64) string) []string {
	var all []string
	var b strings.Builder
	for i, v := range values {
		if !math.IsNaN(v) {
			b.WriteString(point(at[i], v))
		}
		if (math.IsNaN(v) || i == len(values)-1) && b.Len() > 0 {
			all = append(all, b.String())
			b.Reset()
		}
	}
	return all
}

// roundUp is the end of a scale for the values: 1, 2 or 5 times a power of ten.
func roundUp(lines []Values) float64 {
	most := 0.0
	for _, l := range lines {
		for _, v := range l.Of {
			if v > most { // no NaN
				most = v
			}
		}
	}
	if most == 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, times := range []float64{1, 2, 4, 5, 8} {
		if most <= times*unit {
			return times * unit
		}
	}
	return 10 * unit
}
