package audio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// maxWAVComment is the longest comment of a file in bytes.
const maxWAVComment = 200

// WAVFile is what a WAVWriter writes to; an *os.File is one.
type WAVFile interface {
	io.Writer
	io.WriterAt
}

// WAVWriter writes 16-bit PCM. The lengths in the header are brought up to date
// behind every Write, all in one write, so that the file can be read at any time,
// also after a crash: what is behind the length is not there.
type WAVWriter struct {
	file     WAVFile
	channels int
	head     []byte
	written  uint32 // bytes of samples
	buf      []byte
}

// NewWAVWriter writes a header for rate (Hz) and channels (1 or 2) to an empty
// file.
func NewWAVWriter(file WAVFile, rate, channels int) (*WAVWriter, error) {
	return NewNotedWAVWriter(file, rate, channels, "")
}

// NewNotedWAVWriter is NewWAVWriter for a file with a comment (a LIST chunk with
// ICMT, ASCII, at most 200 bytes) before its samples; ReadWAVInfo finds it.
func NewNotedWAVWriter(file WAVFile, rate, channels int, comment string) (*WAVWriter, error) {
	if rate < MinRate || rate > MaxRate || channels < 1 || channels > 2 {
		return nil, fmt.Errorf("write wav: %d Hz, %d channels: use %d to %d Hz and 1 or 2 channels", rate, channels, MinRate, MaxRate)
	}
	if len(comment) > maxWAVComment || strings.ContainsRune(comment, 0) {
		return nil, fmt.Errorf("write wav: a comment of %d bytes: use at most %d, none of them 0", len(comment), maxWAVComment)
	}
	w := &WAVWriter{file: file, channels: channels, head: wavHead(rate, channels, comment)}
	w.setLengths()
	if _, err := file.Write(w.head); err != nil {
		return nil, fmt.Errorf("write wav header: %w", err)
	}
	return w, nil
}

// wavHead is everything before the samples, without lengths.
func wavHead(rate, channels int, comment string) []byte {
	le := binary.LittleEndian
	h := append([]byte(nil), "RIFF\x00\x00\x00\x00WAVEfmt "...)
	h = le.AppendUint32(h, 16)
	h = le.AppendUint16(h, wavPCM)
	h = le.AppendUint16(h, uint16(channels))
	h = le.AppendUint32(h, uint32(rate))
	h = le.AppendUint32(h, uint32(rate*channels*2))
	h = le.AppendUint16(h, uint16(channels*2))
	h = le.AppendUint16(h, 16)
	if comment != "" {
		text := comment + "\x00"
		padded := len(text) + len(text)&1
		h = le.AppendUint32(append(h, "LIST"...), uint32(4+8+padded))
		h = le.AppendUint32(append(h, "INFOICMT"...), uint32(len(text)))
		h = append(append(h, text...), make([]byte, padded-len(text))...)
	}
	return append(h, "data\x00\x00\x00\x00"...)
}

// setLengths puts the lengths of now into the header.
func (w *WAVWriter) setLengths() {
	end := len(w.head)
	binary.LittleEndian.PutUint32(w.head[4:], w.written+uint32(end)-8)
	binary.LittleEndian.PutUint32(w.head[end-4:], w.written)
}

// Write appends samples, interleaved when there are two channels. A file ends at
// 4 GB.
func (w *WAVWriter) Write(samples []int16) error {
	size := uint64(2 * len(samples))
	if uint64(w.written)+size > math.MaxUint32-uint64(len(w.head)) {
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
	w.setLengths()
	if _, err := w.file.WriteAt(w.head, 0); err != nil {
		return fmt.Errorf("write wav header: %w", err)
	}
	return nil
}

// Frames is the number of samples of each channel written so far.
func (w *WAVWriter) Frames() int { return int(w.written) / 2 / w.channels }
