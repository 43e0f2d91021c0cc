package audio

import (
	"bufio"
	"fmt"
	"io"
	"math"
)

// WAVReader reads the samples of a WAV file one after the other, as far as they go:
// an hour takes no more memory than a second. It belongs to one goroutine.
type WAVReader struct {
	info   WAVInfo
	format wavFormat
	one    func([]byte) int16
	in     io.Reader
	buf    []byte
}

// NewWAVReader reads the head of a file that r is at the begin of. Frames of its Info
// is what is really there: not more than the file holds, and also where the length was
// never written. Errors wrap ErrNotWAV or come from r.
func NewWAVReader(r io.ReadSeeker) (*WAVReader, error) {
	br := bufio.NewReaderSize(r, 32<<10)
	h, err := readHead(br)
	if err != nil {
		return nil, err
	}
	one := h.format.sample()
	if one == nil {
		return nil, fmt.Errorf("read wav: data before format: %w", ErrNotWAV)
	}
	at, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("read wav: %w", err)
	}
	at -= int64(br.Buffered())
	end, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("read wav: %w", err)
	}
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read wav: %w", err)
	}
	size := max(0, end-at)
	if h.size != 0 && h.size != math.MaxUint32 { // else a recorder that was cut off never wrote it
		size = min(size, h.size)
	}
	br.Reset(r)
	frame := int64(h.format.bits / 8 * h.format.channels)
	return &WAVReader{
		info:   WAVInfo{Rate: h.format.rate, Channels: h.format.channels, Frames: size / frame, Comment: h.comment},
		format: h.format, one: one, in: io.LimitReader(br, size-size%frame),
	}, nil
}

// Info is what the head says.
func (w *WAVReader) Info() WAVInfo { return w.info }

// ReadMono fills dst with the average of all channels and says how many it has got:
// fewer at the end, and then 0 with io.EOF. Other errors come from the file.
func (w *WAVReader) ReadMono(dst []int16) (int, error) {
	width, channels := w.format.bits/8, w.format.channels
	want := len(dst) * width * channels
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	n, err := io.ReadFull(w.in, w.buf[:want])
	frames := n / (width * channels)
	for i := range frames {
		sum := int32(0)
		for c := range channels {
			sum += int32(w.one(w.buf[(i*channels+c)*width:]))
		}
		dst[i] = int16(sum / int32(channels))
	}
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		if frames == 0 {
			return 0, io.EOF
		}
		return frames, nil
	}
	if err != nil {
		return frames, fmt.Errorf("read wav: %w", err)
	}
	return frames, nil
}
