package audio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// MaxClip is the greatest number of samples (of all channels) that ReadWAV
// takes: an hour of mono at 16 kHz.
const MaxClip = 60 * 60 * Rate16k

// ErrNotWAV is wrapped by what ReadWAV returns for what it cannot read.
var ErrNotWAV = errors.New("not a WAV file that can be read here: use RIFF WAVE with PCM of 8, 16, 24 or 32 bits, float, A-law or mu-law")

// Clip is a recording in memory.
type Clip struct {
	Rate     int     // Hz
	Channels int     // 1 or more, interleaved in Samples
	Samples  []int16 // of all channels
}

// Frames is the number of samples of one channel.
func (c Clip) Frames() int { return len(c.Samples) / max(1, c.Channels) }

// Channel returns one channel as a clip of its own; n counts from 0.
func (c Clip) Channel(n int) Clip {
	out := Clip{Rate: c.Rate, Channels: 1}
	for i := n; n < c.Channels && i < len(c.Samples); i += c.Channels {
		out.Samples = append(out.Samples, c.Samples[i])
	}
	return out
}

// Mono is the average of all channels at rate (Hz).
func (c Clip) Mono(rate int) Clip {
	out := Clip{Rate: rate, Channels: 1}
	mono := c.Samples
	if c.Channels > 1 {
		mono = make([]int16, 0, c.Frames())
		for i := 0; i+c.Channels <= len(c.Samples); i += c.Channels {
			sum := int32(0)
			for _, s := range c.Samples[i : i+c.Channels] {
				sum += int32(s)
			}
			mono = append(mono, int16(sum/int32(c.Channels)))
		}
	}
	if rate == c.Rate || c.Rate == 0 {
		out.Samples = mono
		return out
	}
	r := NewResampler(c.Rate, rate)
	out.Samples = r.Process(make([]int16, 0, len(mono)*rate/c.Rate+1), mono)
	return out
}

// The formats of a fmt chunk.
const (
	wavPCM        = 1
	wavFloat      = 3
	wavAlaw       = 6
	wavMulaw      = 7
	wavExtensible = 0xFFFE
)

type wavFormat struct {
	tag, channels, bits int
	rate                int
}

// ReadWAV reads a whole WAV file: any rate from MinRate to MaxRate, up to 8
// channels. A data chunk that is cut short, or whose length was never written,
// is read as far as it goes. Errors wrap ErrNotWAV or come from r.
func ReadWAV(r io.Reader) (Clip, error) {
	br := bufio.NewReader(r)
	h, err := readHead(br)
	if err != nil {
		return Clip{}, err
	}
	return readSamples(br, h.size, h.format)
}

// WAVInfo is what the head of a WAV file says.
type WAVInfo struct {
	Rate     int // Hz
	Channels int
	Frames   int64  // samples of each channel; 0 where the length was never written
	Comment  string // of an INFO list before the samples
}

// ReadWAVInfo reads a WAV file as far as its samples. Errors wrap ErrNotWAV or come
// from r.
func ReadWAVInfo(r io.Reader) (WAVInfo, error) {
	h, err := readHead(bufio.NewReader(r))
	if err != nil {
		return WAVInfo{}, err
	}
	if h.format.sample() == nil {
		return WAVInfo{}, fmt.Errorf("read wav: data before format: %w", ErrNotWAV)
	}
	info := WAVInfo{Rate: h.format.rate, Channels: h.format.channels, Comment: h.comment}
	if h.size != math.MaxUint32 {
		info.Frames = h.size / int64(h.format.bits/8*h.format.channels)
	}
	return info, nil
}

// wavHeader is all that stands before the samples.
type wavHeader struct {
	format  wavFormat
	comment string
	size    int64 // of the samples in bytes, as written
}

func readHead(br *bufio.Reader) (h wavHeader, err error) {
	var head [12]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return h, fmt.Errorf("read wav: %w (%v)", ErrNotWAV, err)
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return h, fmt.Errorf("read wav: begins with %q: %w", head[:4], ErrNotWAV)
	}
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(br, chunk[:]); err != nil {
			return h, fmt.Errorf("read wav: no data chunk: %w", ErrNotWAV)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch name := string(chunk[:4]); {
		case name == "fmt ":
			if h.format, err = readFormat(br, size); err != nil {
				return h, err
			}
		case name == "data":
			h.size = size
			return h, nil
		case name == "LIST" && size <= maxWAVList:
			list := make([]byte, size+size&1)
			if _, err := io.ReadFull(br, list); err != nil {
				return h, fmt.Errorf("read wav: chunk %q is cut short: %w", name, ErrNotWAV)
			}
			h.comment = commentIn(list)
		default:
			if _, err := io.CopyN(io.Discard, br, size+size&1); err != nil {
				return h, fmt.Errorf("read wav: chunk %q is cut short: %w", name, ErrNotWAV)
			}
		}
	}
}

// maxWAVList is the longest list that is searched for a comment.
const maxWAVList = 4096

// commentIn is the text of ICMT in an INFO list; empty when there is none.
func commentIn(list []byte) string {
	if len(list) < 4 || string(list[:4]) != "INFO" {
		return ""
	}
	for list = list[4:]; len(list) >= 8; {
		name, size := string(list[:4]), int64(binary.LittleEndian.Uint32(list[4:]))
		list = list[8:]
		if size > int64(len(list)) {
			return ""
		}
		if name == "ICMT" {
			return strings.TrimRight(string(list[:size]), "\x00")
		}
		list = list[min(size+size&1, int64(len(list))):]
	}
	return ""
}

func readFormat(r io.Reader, size int64) (wavFormat, error) {
	if size < 16 || size > 1024 {
		return wavFormat{}, fmt.Errorf("read wav: format of %d bytes: %w", size, ErrNotWAV)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return wavFormat{}, fmt.Errorf("read wav: format is cut short: %w", ErrNotWAV)
	}
	f := wavFormat{
		tag:      int(binary.LittleEndian.Uint16(b)),
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     int(min(binary.LittleEndian.Uint32(b[4:]), math.MaxInt32)),
		bits:     int(binary.LittleEndian.Uint16(b[14:])),
	}
	if f.tag == wavExtensible && size >= 26 {
		f.tag = int(binary.LittleEndian.Uint16(b[24:]))
	}
	switch {
	case f.rate < MinRate || f.rate > MaxRate:
		return f, fmt.Errorf("read wav: rate %d Hz: %w", f.rate, ErrNotWAV)
	case f.channels < 1 || f.channels > 8:
		return f, fmt.Errorf("read wav: %d channels: %w", f.channels, ErrNotWAV)
	case f.sample() == nil:
		return f, fmt.Errorf("read wav: format %d of %d bits: %w", f.tag, f.bits, ErrNotWAV)
	}
	return f, nil
}

// sample returns what reads one sample of f; nil when nothing here can.
func (f wavFormat) sample() func([]byte) int16 {
	le := binary.LittleEndian
	switch [2]int{f.tag, f.bits} {
	case [2]int{wavPCM, 8}:
		return func(b []byte) int16 { return (int16(b[0]) - 128) << 8 }
	case [2]int{wavPCM, 16}:
		return func(b []byte) int16 { return int16(le.Uint16(b)) }
	case [2]int{wavPCM, 24}:
		return func(b []byte) int16 { return int16(le.Uint16(b[1:])) }
	case [2]int{wavPCM, 32}:
		return func(b []byte) int16 { return int16(le.Uint16(b[2:])) }
	case [2]int{wavFloat, 32}:
		return func(b []byte) int16 { return fromFloat(float64(math.Float32frombits(le.Uint32(b)))) }
	case [2]int{wavFloat, 64}:
		return func(b []byte) int16 { return fromFloat(math.Float64frombits(le.Uint64(b))) }
	case [2]int{wavAlaw, 8}:
		return func(b []byte) int16 { return AlawToLinear(b[0]) }
	case [2]int{wavMulaw, 8}:
		return func(b []byte) int16 { return MulawToLinear(b[0]) }
	}
	return nil
}

func fromFloat(v float64) int16 {
	if math.IsNaN(v) {
		return 0
	}
	return int16(math.Round(min(max(v, -1), 1) * 32767))
}

func readSamples(r io.Reader, size int64, f wavFormat) (Clip, error) {
	one := f.sample()
	if one == nil {
		return Clip{}, fmt.Errorf("read wav: data before format: %w", ErrNotWAV)
	}
	width := f.bits / 8
	if size == 0 || size == math.MaxUint32 {
		size = math.MaxInt64 // a recorder that was cut off never wrote it
	}
	clip := Clip{Rate: f.rate, Channels: f.channels}
	r = io.LimitReader(r, size)
	buf := make([]byte, 4096*width)
	for {
		n, err := io.ReadFull(r, buf)
		for i := 0; i+width <= n; i += width {
			clip.Samples = append(clip.Samples, one(buf[i:]))
		}
		if len(clip.Samples) > MaxClip {
			return Clip{}, fmt.Errorf("read wav: longer than %d samples: cut it or use a lower rate", MaxClip)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			clip.Samples = clip.Samples[:clip.Frames()*f.channels]
			return clip, nil
		}
		if err != nil {
			return Clip{}, fmt.Errorf("read wav: %w", err)
		}
	}
}
