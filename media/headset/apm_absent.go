//go:build !apm

package headset

import "ringback/media/audio"

// Library says whether this build can cancel echo, suppress noise and level voices.
const Library = false

type apm struct{}

func newAPM(int, apmConfig) (*apm, error) { return nil, ErrNoLibrary }

func (*apm) String() string      { return "" }
func (*apm) process(audio.Frame) {}
func (*apm) played(audio.Frame)  {}
func (*apm) close()              {}
