//go:build race

package message

// slower is how much longer the race detector may make a measurement.
const slower = 20
