package media

import (
	"fmt"

	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/sdp"
)

// find turns the names of a configuration into codecs.
func find(names []string) ([]codec.Codec, error) {
	var found []codec.Codec
	for _, name := range names {
		one, ok := codec.Find(name, 0)
		if !ok {
			return nil, fmt.Errorf("codec %q is not in this build: use %v", name, codec.All())
		}
		found = append(found, one)
	}
	return found, nil
}

// within are the codecs that need no higher rate (Hz) than the bridge mixes at.
func within(rate int) []codec.Codec {
	var found []codec.Codec
	for _, c := range codec.All() {
		if c.SampleRate <= rate {
			found = append(found, c)
		}
	}
	return found
}

// Formats are the named codecs as an offer lists them. An unknown name is an error
// that lists the known ones.
func Formats(names []string) ([]sdp.Format, error) {
	codecs, err := find(names)
	return formats(codecs), err
}

func formats(codecs []codec.Codec) []sdp.Format {
	var list []sdp.Format
	for _, c := range codecs {
		list = append(list, sdp.Format{PayloadType: c.PayloadType, Name: c.Name, ClockRate: c.ClockRate, Channels: c.Channels})
	}
	return list
}

// RateFor is the rate in Hz at which a bridge has to mix to lose nothing of the
// named codecs; 8000 for none.
func RateFor(names []string) int {
	codecs, _ := find(names)
	rate := audio.Rate8k
	for _, c := range codecs {
		rate = max(rate, c.SampleRate)
	}
	return rate
}
