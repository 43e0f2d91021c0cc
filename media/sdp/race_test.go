//go:build race

package sdp

// slower is how much longer a measurement may take than in the field: the race
// detector takes ten times as long. What is promised is held without it, by
// `make limits`.
const slower = 20
