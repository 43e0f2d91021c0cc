//go:build interop

package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/internal/pulse"
)

// headset is a script's virtual headset and who speaks into it.
type headset struct {
	server *pulse.Server
	voice  *pulse.Voice
	at     string // what hears and steady listen to
}

func (h *headset) hush() {
	if h.voice != nil {
		h.voice.Hush()
		h.voice = nil
	}
}

// cmdPulse is the headset of a script:
//
//	pulse start          a sound server of the script's own, in $WORK/pulse
//	pulse speak HZ       a tone into the microphone, until hush
//	pulse hush
//	pulse hears HZ [TIME] the tone comes out of the ear piece, for 800ms of a second or TIME
//	pulse steady HZ TIME  so does it for so long with no more than 100 ms missing
//	pulse unplug, plug   the headset is taken away, and brought back
//	pulse hang, go-on    the sound server answers nothing, and goes on
//	pulse couple         the microphone hears the ear piece, until uncouple
//	pulse uncouple
//	pulse speakers       a second device, which becomes the system's default; hears and steady listen to it
//	pulse at headset|speakers  hears and steady listen to it
//	pulse open MIC EAR   so many programs hold the microphone and the ear piece open
func cmdPulse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: pulse start|speak|hush|hears|steady|unplug|plug|hang|go-on|mute|unmute|couple|uncouple|speakers|at|open …")
	}
	if args[0] == "start" {
		startHeadset(ts)
		return
	}
	h, ok := ts.Value("headset").(*headset)
	if !ok || h.server == nil {
		ts.Fatalf("pulse %s: write pulse start first", args[0])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch args[0] {
	case "speak":
		h.hush()
		var err error
		h.voice, err = h.server.Speak(number(ts, args, 1))
		ts.Check(err)
	case "hush":
		h.hush()
	case "hears":
		hz, least := number(ts, args, 1), 800*time.Millisecond
		if len(args) > 2 {
			least = span(ts, args, 2)
		}
		listen(ctx, ts, h, pulse.NewEar(hz, time.Second, time.Second-least))
	case "steady":
		listen(ctx, ts, h, pulse.NewEar(number(ts, args, 1), span(ts, args, 2), 100*time.Millisecond))
	case "unplug":
		ts.Check(h.server.Unplug())
	case "plug":
		ts.Check(h.server.Plug())
	case "hang":
		ts.Check(h.server.Hang())
	case "go-on":
		died, err := h.server.GoOn(ctx)
		ts.Check(err)
		if died != "" {
			ts.Logf("the sound server died of going on, and was started anew: %s", died)
		}
	case "mute":
		ts.Check(h.server.Mute(true))
	case "unmute":
		ts.Check(h.server.Mute(false))
	case "couple":
		ts.Check(h.server.Couple())
	case "uncouple":
		ts.Check(h.server.Uncouple())
	case "speakers":
		ts.Check(h.server.Speakers())
		h.at = pulse.Speakers
	case "at":
		h.at = map[string]string{"headset": pulse.EarPiece, "speakers": pulse.Speakers}[args[1]]
	case "open":
		mic, ear := int(number(ts, args, 1)), int(number(ts, args, 2))
		until(ts, "microphone and ear piece are open "+args[1]+" and "+args[2]+" times", func() (bool, string) {
			m, e, err := h.server.Open()
			ts.Check(err)
			return m == mic && e == ear, strconv.Itoa(m) + " and " + strconv.Itoa(e)
		})
	default:
		ts.Fatalf("pulse: unknown word %q", args[0])
	}
}

func number(ts *testscript.TestScript, args []string, at int) float64 {
	if len(args) <= at {
		ts.Fatalf("pulse %s: a number is missing", args[0])
	}
	n, err := strconv.ParseFloat(args[at], 64)
	ts.Check(err)
	return n
}

func span(ts *testscript.TestScript, args []string, at int) time.Duration {
	if len(args) <= at {
		ts.Fatalf("pulse %s: a time is missing", args[0])
	}
	d, err := time.ParseDuration(args[at])
	ts.Check(err)
	return d
}

func listen(ctx context.Context, ts *testscript.TestScript, h *headset, ear *pulse.Ear) {
	if err := h.server.Listen(ctx, h.at, ear.Hear); err != nil {
		ts.Fatalf("%s: %v; %v", h.at, err, ear)
	}
	ts.Logf("%s: %v", h.at, ear)
}

func startHeadset(ts *testscript.TestScript) {
	h := ts.Value("headset").(*headset)
	if h.server != nil {
		ts.Fatalf("pulse start: it runs already")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dir := filepath.Join(ts.Getenv("WORK"), "pulse")
	if err := os.Mkdir(dir, 0o700); !errors.Is(err, os.ErrExist) {
		ts.Check(err)
	}
	server, err := pulse.Start(ctx, dir)
	ts.Check(err)
	h.server, h.at = server, pulse.EarPiece
	ts.Defer(func() {
		h.hush()
		server.Kill()
	})
	for key, value := range server.Environment() {
		ts.Setenv(key, value)
	}
}

// devices is a preference list, with | between its entries, as YAML.
func devices(list string) string {
	if list == "" {
		return "[]"
	}
	return strings.ReplaceAll(fmt.Sprintf("[%q]", list), "|", `", "`)
}
