//go:build !race

package sdp

// slower is how much longer a measurement may take than in the field.
const slower = 1
