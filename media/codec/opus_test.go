package codec

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringback/media/audio"
)

// packetsOf reads a golden: each payload behind its length in two bytes.
func packetsOf(t *testing.T, name string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "opus", name))
	if err != nil {
		t.Fatal(err)
	}
	var packets [][]byte
	for len(b) > 2 {
		n := int(binary.BigEndian.Uint16(b))
		packets, b = append(packets, b[2:2+n]), b[2+n:]
	}
	return packets
}

// TestOpus_EitherDecoderHearsWhatLibopusSent: 1004 Hz in each of its modes comes out of
// the decoder of this build, be it libopus or pure Go.
func TestOpus_EitherDecoderHearsWhatLibopusSent(t *testing.T) {
	for _, mode := range []string{"silk", "hybrid", "celt"} {
		dec := opus().NewDecoder()
		var pcm audio.Frame
		for i, p := range packetsOf(t, mode+".bin") {
			out, err := dec.Decode(nil, p)
			if err != nil {
				t.Fatalf("%s, packet %d: %v", mode, i, err)
			}
			pcm = append(pcm, out...)
		}
		finder := audio.NewToneFinder(audio.Rate48k)
		for i := 9600; i+960 <= len(pcm); i += 960 {
			finder.Add(pcm[i:i+960], nil)
		}
		if level := audio.LevelDBFS(pcm[9600:]); len(pcm) != 48000 || !finder.Present(1004, 10) || level < -14 || level > -10 {
			t.Errorf("%s: %d samples, 1004 Hz %v, %.1f dBFS", mode, len(pcm), finder.Present(1004, 10), level)
		}
	}
}

func TestOpus_RefusesWhatItCannotTake(t *testing.T) {
	dec := opus().NewDecoder()
	for _, bad := range [][]byte{nil, {}, make([]byte, MaxPayload+1), {0xFF, 0xFF, 0xFF}} {
		if out, err := dec.Decode(audio.Frame{1, 2}, bad); !errors.Is(err, ErrPayload) || len(out) != 2 {
			t.Errorf("%d bytes: %v, %d samples", len(bad), err, len(out))
		}
	}
	if _, err := dec.Decode(nil, packetsOf(t, "silk.bin")[0]); err != nil {
		t.Errorf("after bad payloads: %v", err)
	}
}

func TestOpus_WishesOfThePeer(t *testing.T) {
	for fmtp, want := range map[string]opusWish{
		"": {playback: 48000, dtx: true},
		"useinbandfec=1; usedtx=0;MaxAverageBitrate=20000 ;cbr=1;maxplaybackrate=16000;stereo=1;x": {playback: 16000, bitRate: 20000, fec: true, cbr: true},
		"maxaveragebitrate=1;maxplaybackrate=999999":                                               {playback: 48000, bitRate: MinOpusBitRate, dtx: true},
		"maxaveragebitrate=99999999999999999999;usedtx=1":                                          {playback: 48000, dtx: true},
	} {
		if got := parseOpus(fmtp); got != want {
			t.Errorf("%q: %+v", fmtp, got)
		}
	}
	got := OpusConfig{BitRate: 24000, DTX: true}.within(parseOpus("maxaveragebitrate=20000;useinbandfec=1;usedtx=0"))
	if want := (OpusConfig{BitRate: 20000, Complexity: defaultComplexity}); got != want {
		t.Errorf("%+v", got)
	}
	if p := opus().Params(OpusConfig{BitRate: 24000, DTX: true}); p != "useinbandfec=1;usedtx=1;maxaveragebitrate=24000" {
		t.Error(p)
	}
}

func TestPacketTimes(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		codec      Codec
		want, have time.Duration
	}{
		{opus(), 30 * ms, 20 * ms}, {opus(), 5 * ms, 10 * ms}, {opus(), 60 * ms, 60 * ms},
		{g722(), 35 * ms, 30 * ms}, {linear(16000), 60 * ms, 40 * ms}, {linear(8000), 60 * ms, 60 * ms},
	} {
		if got := row.codec.Fit(row.want); got != row.have {
			t.Errorf("%s: %s becomes %s, want %s", row.codec, row.want, got, row.have)
		}
	}
}

func TestL16_BytesOfTheNetwork(t *testing.T) {
	c, ok := Find("l16", 16000)
	if !ok || !c.Sends() {
		t.Fatal("no L16")
	}
	b, _ := c.NewEncoder().Encode(nil, audio.Frame{0x1234, -2, 32767, -32768})
	if string(b) != "\x12\x34\xFF\xFE\x7F\xFF\x80\x00" {
		t.Errorf("% x", b)
	}
	if pcm, err := c.NewDecoder().Decode(nil, b); err != nil || pcm[0] != 0x1234 || pcm[1] != -2 || pcm[3] != -32768 {
		t.Errorf("%v %v", pcm, err)
	}
	for _, bad := range [][]byte{{1}, make([]byte, MaxPayload+2)} {
		if _, err := c.NewDecoder().Decode(nil, bad); !errors.Is(err, ErrPayload) {
			t.Errorf("%d octets: %v", len(bad), err)
		}
	}
}
