package main

import (
	"strings"
	"testing"
)

func TestDeviceTest_SaysWhatIsWrongWithTheMicrophone(t *testing.T) {
	trip := 71.0
	for _, row := range []struct {
		peak float64
		trip *float64
		want string
	}{
		{-18.4, &trip, "headset: works, microphone up to -18.4 dBFS, round trip 71 ms"},
		{-18.4, nil, "headset: works, microphone up to -18.4 dBFS, round trip unknown"},
		{-96, &trip, "headset: works, microphone up to -96.0 dBFS, round trip 71 ms"}, // it heard the sweep
		{-96, nil, "headset: sound moves, but the microphone hears nothing at all: unmute it"},
	} {
		r := deviceTestResult{Device: "headset", OK: true, PeakDBFS: row.peak, RoundTripMS: row.trip}
		if got := deviceTestText(r, nil); !strings.HasPrefix(got, row.want) {
			t.Errorf("%v: %s", row, got)
		}
	}
}
