//go:build !race

package rude

const scale = 1
