//go:build race

package rude

// The race detector slows everything down and looks for other faults: its tests are
// smaller by scale, and may take busy times as long; in real time they are not held to any time.
const (
	scale = 10
	busy  = 50
)
