package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ringback/media/audio"
)

// maxTakes is how many recordings of one device are kept side by side.
const maxTakes = 1000

// fileDevice has a recording as microphone and records what the ear hears.
type fileDevice struct {
	name string
	clip *audio.Clip // nil: silence
	loop bool
	out  string // "": not recorded

	mu    sync.Mutex
	takes int // recordings so far
}

func (d *fileDevice) Name() string { return d.name }

// Start plays from the beginning. The first start records to the named file,
// later ones (after a failure, or for another call) to NAME-2.wav and so on, so
// that none overwrites what was recorded before.
func (d *fileDevice) Start(io IO) (Stream, error) {
	source := func(f []int16) { clear(f) }
	if d.clip != nil {
		samples := d.clip.Mono(io.Rate).Samples
		source = (&recording{samples: samples, loop: d.loop}).fill
	}
	if d.out == "" || io.Playback == nil {
		return pace(io, source, discard), nil
	}
	file, err := d.create()
	if err != nil {
		return nil, err
	}
	out, err := audio.NewWAVWriter(file, io.Rate, 1)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	p := pace(io, source, out.Write)
	return &recorder{paced: p, file: file}, nil
}

// create opens the next file to record to. What was said is for its owner only.
func (d *fileDevice) create() (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takes++
	if d.takes == 1 {
		return os.OpenFile(d.out, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	ext := filepath.Ext(d.out)
	for ; d.takes < maxTakes; d.takes++ {
		name := fmt.Sprintf("%s-%d%s", strings.TrimSuffix(d.out, ext), d.takes, ext)
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	return nil, fmt.Errorf("record to %s: %d recordings are there: move some away", d.out, d.takes)
}

// recording is a clip being played.
type recording struct {
	samples []int16
	at      int
	loop    bool
}

// fill takes the next samples, and silence behind the end.
func (r *recording) fill(frame []int16) {
	for len(frame) > 0 {
		n := copy(frame, r.samples[r.at:])
		frame, r.at = frame[n:], r.at+n
		if r.at < len(r.samples) {
			continue
		}
		if !r.loop || len(r.samples) == 0 {
			clear(frame)
			return
		}
		r.at = 0
	}
}

// recorder closes its file when it stops.
type recorder struct {
	*paced
	file *os.File
}

func (r *recorder) Stop() error {
	return errors.Join(r.paced.Stop(), r.file.Close())
}
