package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// wavOf writes samples in any of the formats that ReadWAV reads.
func wavOf(tag, bits, rate, channels int, samples []int16) []byte {
	le := binary.LittleEndian
	var data []byte
	for _, s := range samples {
		switch [2]int{tag, bits} {
		case [2]int{wavPCM, 8}:
			data = append(data, byte(s>>8+128))
		case [2]int{wavPCM, 16}:
			data = le.AppendUint16(data, uint16(s))
		case [2]int{wavPCM, 24}:
			data = le.AppendUint16(append(data, 0), uint16(s))
		case [2]int{wavPCM, 32}:
			data = le.AppendUint16(append(data, 0, 0), uint16(s))
		case [2]int{wavFloat, 32}:
			data = le.AppendUint32(data, math.Float32bits(float32(s)/32767))
		case [2]int{wavFloat, 64}:
			data = le.AppendUint64(data, math.Float64bits(float64(s)/32767))
		case [2]int{wavAlaw, 8}:
			data = append(data, LinearToAlaw(s))
		case [2]int{wavMulaw, 8}:
			data = append(data, LinearToMulaw(s))
		}
	}
	h := le.AppendUint32([]byte("RIFF"), uint32(36+8+10+len(data)))
	h = append(h, "WAVELIST\x09\x00\x00\x00something\x00fmt \x10\x00\x00\x00"...)
	h = le.AppendUint16(h, uint16(tag))
	h = le.AppendUint16(h, uint16(channels))
	h = le.AppendUint32(h, uint32(rate))
	h = le.AppendUint32(h, uint32(rate*channels*bits/8))
	h = le.AppendUint16(h, uint16(channels*bits/8))
	h = le.AppendUint16(h, uint16(bits))
	return append(le.AppendUint32(append(h, "data"...), uint32(len(data))), data...)
}

func TestReadWAV_EveryFormat(t *testing.T) {
	for _, row := range []struct {
		tag, bits, rate, channels int
		noise                     float64
	}{
		{wavPCM, 8, 11025, 1, -35}, {wavPCM, 16, 8000, 1, -80}, {wavPCM, 16, 44100, 2, -80}, {wavPCM, 24, 48000, 2, -80},
		{wavPCM, 32, 22050, 1, -80}, {wavFloat, 32, 96000, 1, -80}, {wavFloat, 64, 16000, 3, -80},
		{wavAlaw, 8, 8000, 1, -35}, {wavMulaw, 8, 8000, 2, -35},
	} {
		t.Run(fmt.Sprintf("tag=%d/bits=%d/rate=%d/channels=%d", row.tag, row.bits, row.rate, row.channels), func(t *testing.T) {
			mono := sine(row.rate, 1004, -6, row.rate)
			var samples []int16
			for _, s := range mono {
				for range row.channels {
					samples = append(samples, s)
				}
			}
			clip, err := ReadWAV(bytes.NewReader(wavOf(row.tag, row.bits, row.rate, row.channels, samples)))
			if err != nil {
				t.Fatal(err)
			}
			if clip.Rate != row.rate || clip.Channels != row.channels || clip.Frames() != row.rate {
				t.Fatalf("%d Hz, %d channels, %d samples", clip.Rate, clip.Channels, clip.Frames())
			}
			out := clip.Mono(8000)
			if n := thdn(out.Samples[800:], 8000, 1004); n > row.noise || out.Rate != 8000 {
				t.Errorf("THD+N %.1f dB at %d Hz", n, out.Rate)
			}
			if clip.Channel(row.channels-1).Frames() != clip.Frames() || clip.Channel(9).Frames() != 0 {
				t.Error("a channel is lost")
			}
		})
	}
}

func TestReadWAV_WhatIsNone(t *testing.T) {
	good := wavOf(wavPCM, 16, 8000, 1, sine(8000, 440, -6, 100))
	rows := map[string][]byte{
		"empty": nil, "text": []byte("hello, this is no audio file"), "no data": good[:60],
		"cut head": good[:20], "rate 0": wavOf(wavPCM, 16, 0, 1, nil), "no channel": wavOf(wavPCM, 16, 8000, 0, nil),
		"adpcm": wavOf(17, 4, 8000, 1, nil), "12 bits": wavOf(wavPCM, 12, 8000, 1, nil),
		"data first": []byte("RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd"),
		"huge chunk": []byte("RIFF\x00\x00\x00\x00WAVEjunk\xFF\xFF\xFF\xFFabcd"),
	}
	for name, data := range rows {
		if _, err := ReadWAV(bytes.NewReader(data)); !errors.Is(err, ErrNotWAV) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if clip, err := ReadWAV(bytes.NewReader(good[:len(good)-51])); err != nil || clip.Frames() != 74 {
		t.Errorf("cut short: %d samples, %v", clip.Frames(), err)
	}
}

func TestWAVWriter_ReadableAfterEachWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w, err := NewWAVWriter(f, 8000, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		data, _ := os.ReadFile(path)
		clip, err := ReadWAV(bytes.NewReader(data))
		if err != nil || clip.Frames() != i*160 || w.Frames() != i*160 {
			t.Fatalf("after %d writes: %d samples, %v", i, clip.Frames(), err)
		}
		if err := w.Write(make([]int16, 320)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewWAVWriter(f, 8000, 3); err == nil {
		t.Error("three channels were taken")
	}
}

func FuzzReadWAV(f *testing.F) {
	f.Add(wavOf(wavPCM, 16, 8000, 1, sine(8000, 440, -6, 100)))
	f.Add(wavOf(wavFloat, 64, 8000, 2, sine(8000, 440, -6, 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		clip, err := ReadWAV(bytes.NewReader(data))
		if err == nil && (clip.Rate < MinRate || clip.Rate > MaxRate || clip.Channels < 1 || len(clip.Samples)%clip.Channels != 0) {
			t.Errorf("accepted %d Hz, %d channels", clip.Rate, clip.Channels)
		}
	})
}
