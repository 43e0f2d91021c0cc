package audio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

const wavHeader = 44

// WAVFile is what a WAVWriter writes to; an *os.File is one.
type WAVFile interface {
	io.Writer
	io.WriterAt
}

// WAVWriter writes 16-bit PCM. The lengths in the header are brought up to date
// behind every Write, so that the file can be read at any time, also after a
// crash.
type WAVWriter struct {
	file     WAVFile
	channels int
	written  uint32 // bytes of samples
	buf      []byte
}

// NewWAVWriter writes a header for rate (Hz) and channels (1 or 2) to an empty
// file.
func NewWAVWriter(file WAVFile, rate, channels int) (*WAVWriter, error) {
	if rate < MinRate || rate > MaxRate || channels < 1 || channels > 2 {
		return nil, fmt.Errorf("write wav: %d Hz, %d channels: use %d to %d Hz and 1 or 2 channels", rate, channels, MinRate, MaxRate)
	}
	le := binary.LittleEndian
	h := make([]byte, 0, wavHeader)
	h = le.AppendUint32(append(h, "RIFF"...), wavHeader-8)
	h = le.AppendUint32(append(h, "WAVEfmt "...), 16)
	h = le.AppendUint16(h, wavPCM)
	h = le.AppendUint16(h, uint16(channels))
	h = le.AppendUint32(h, uint32(rate))
	h = le.AppendUint32(h, uint32(rate*channels*2))
	h = le.AppendUint16(h, uint16(channels*2))
	h = le.AppendUint16(h, 16)
	h = le.AppendUint32(append(h, "data"...), 0)
	if _, err := file.Write(h); err != nil {
		return nil, fmt.Errorf("write wav header: %w", err)
	}
	return &WAVWriter{file: file, channels: channels}, nil
}

// Write appends samples, interleaved when there are two channels. A file ends at
// 4 GB.
func (w *WAVWriter) Write(samples []int16) error {
	size := uint64(2 * len(samples))
	if uint64(w.written)+size > math.MaxUint32-wavHeader {
		return fmt.Errorf("write wav: the file is full at %d bytes", w.written)
	}
	w.buf = w.buf[:0]
	for _, s := range samples {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(s))
	}
	if _, err := w.file.Write(w.buf); err != nil {
		return fmt.Errorf("write wav: %w", err)
	}
	w.written += uint32(size)
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], w.written)
	if _, err := w.file.WriteAt(length[:], wavHeader-4); err != nil {
		return fmt.Errorf("write wav header: %w", err)
	}
	binary.LittleEndian.PutUint32(length[:], w.written+wavHeader-8)
	if _, err := w.file.WriteAt(length[:], 4); err != nil {
		return fmt.Errorf("write wav header: %w", err)
	}
	return nil
}

// Frames is the number of samples of each channel written so far.
func (w *WAVWriter) Frames() int { return int(w.written) / 2 / w.channels }
