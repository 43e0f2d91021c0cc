//go:build !race

package rude

const (
	scale = 1
	busy  = 1
)
