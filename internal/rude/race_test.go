//go:build race

package rude

// scale is by how much the race detector's tests are smaller: it slows everything
// down, and looks for other faults.
const scale = 10
