//go:build apm

package headset

// #cgo pkg-config: webrtc-audio-processing
// #cgo CXXFLAGS: -std=c++11 -O2
// #include "apm.h"
import "C"

import (
	"errors"
	"runtime"

	"ringback/media/audio"
)

// Library says whether this build can cancel echo, suppress noise and level voices.
const Library = true

// apm is one instance of the library.
type apm struct {
	cfg  apmConfig
	c    *C.ringback_apm
	undo runtime.Cleanup
}

func newAPM(rate int, cfg apmConfig) (*apm, error) {
	c := C.ringback_apm_new(C.int(rate), flag(cfg.echo), C.int(cfg.suppression)-1, flag(cfg.gain))
	if c == nil {
		return nil, errors.New("webrtc-audio-processing cannot be set up at this rate")
	}
	a := &apm{cfg: cfg, c: c}
	a.undo = runtime.AddCleanup(a, func(c *C.ringback_apm) { C.ringback_apm_free(c) }, c)
	return a, nil
}

func flag(on bool) C.int {
	if on {
		return 1
	}
	return 0
}

func (a *apm) String() string { return a.cfg.String() }

// process works on a frame of the microphone; should the library refuse it, the
// frame goes on as it came.
func (a *apm) process(f audio.Frame) { C.ringback_apm_capture(a.c, (*C.int16_t)(&f[0])) }

// played tells what the ear hears.
func (a *apm) played(f audio.Frame) {
	if a.cfg.echo {
		C.ringback_apm_render(a.c, (*C.int16_t)(&f[0]))
	}
}

func (a *apm) close() {
	a.undo.Stop()
	C.ringback_apm_free(a.c)
	a.c = nil
}
