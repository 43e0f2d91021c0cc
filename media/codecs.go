package media

import (
	"fmt"
	"strconv"
	"strings"

	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/sdp"
)

// find turns the names of a configuration into codecs.
func find(names []string) ([]codec.Codec, error) {
	var found []codec.Codec
	for _, name := range names {
		one, ok := named(name)
		if !ok {
			return nil, fmt.Errorf("codec %q is not known: use %v", name, codec.All())
		}
		found = append(found, one)
	}
	return found, nil
}

// named finds a codec by its name, or NAME/CLOCK where there are several.
func named(name string) (codec.Codec, bool) {
	name, clock, has := strings.Cut(name, "/")
	if !has {
		return codec.Find(name, 0)
	}
	rate, err := strconv.Atoi(clock)
	if err != nil || rate <= 0 {
		return codec.Codec{}, false
	}
	return codec.Find(name, rate)
}

// Sends says that this build can send the named codec, and hence offers it.
func Sends(name string) bool {
	c, ok := named(name)
	return ok && c.Sends()
}

// sendable are those that can be sent. What cannot is never agreed on but to listen.
func sendable(codecs []codec.Codec) []codec.Codec {
	var found []codec.Codec
	for _, c := range codecs {
		if c.Sends() {
			found = append(found, c)
		}
	}
	return found
}

// within are the codecs that are used without being named and need no higher rate
// (Hz) than the bridge mixes at.
func within(rate int) []codec.Codec {
	var found []codec.Codec
	for _, c := range codec.All() {
		if c.SampleRate <= rate && !c.OnRequest {
			found = append(found, c)
		}
	}
	return found
}

// Formats are the named codecs as an offer lists them, as far as this build can send
// them. An unknown name is an error that lists the known ones.
func Formats(names []string) ([]sdp.Format, error) {
	codecs, err := find(names)
	return formats(sendable(codecs), codec.OpusConfig{}), err
}

func formats(codecs []codec.Codec, opus codec.OpusConfig) []sdp.Format {
	var list []sdp.Format
	for _, c := range codecs {
		list = append(list, sdp.Format{PayloadType: c.PayloadType, Name: c.Name, ClockRate: c.ClockRate, Channels: c.Channels, Params: c.Params(opus)})
	}
	return list
}

// RateFor is the rate in Hz at which a bridge has to mix to lose nothing of the
// named codecs; 8000 for none.
func RateFor(names []string) int {
	codecs, _ := find(names)
	rate := audio.Rate8k
	for _, c := range sendable(codecs) {
		rate = max(rate, c.SampleRate)
	}
	return rate
}
