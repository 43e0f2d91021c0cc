//go:build !race

package message

// slower is how much longer a measurement may take than in the field.
const slower = 1
