package archtest

// room is a row of the architecture: a package, the rooms that it may import,
// and those that only its tests may import beside them.
type room struct {
	path   string
	arrows string
	tests  string
}

// rooms is the whole house, from the roof to the ground.
var rooms = []room{
	{"cmd/ringback", "agent agent/control agent/load agent/load/fleet agent/load/metrics agent/load/spans agent/scenario agent/doctor agent/verdict agent/book agent/store internal/lab internal/ladder sip sip/loop sip/transport media/device media/audio", "internal/simnet internal/script"},
	{"agent/doctor", "agent agent/control agent/store agent/verdict sip sip/loop sip/transport media media/audio media/device", "internal/lab internal/simnet internal/turnserver"},
	{"agent/scenario", "agent agent/control agent/plainyaml agent/report", "internal/lab internal/simnet"},
	{"agent/control", "agent", "internal/lab internal/simnet sip/transport"},
	{"agent/load", "agent agent/plainyaml agent/report sip sip/loop sip/transport media media/audio media/codec media/device media/mixer media/sdp", "internal/lab internal/simnet"},
	{"agent/load/fleet", "agent/load", ""},
	{"agent/load/metrics", "agent/load", ""},
	{"agent/load/spans", "agent/load", ""},
	{"agent/report", "", ""},
	{"agent/book", "agent/store agent/phone", ""},
	{"agent/phone", "", ""},
	{"agent", "agent/book agent/phone agent/plainyaml agent/presence agent/schedule agent/store agent/verdict sip sip/loop sip/transport media media/codec media/sdp media/audio media/mixer media/device media/headset dtmf", "internal/lab internal/ladder internal/ladder/golden internal/simnet internal/turnserver"},
	{"agent/verdict", "agent/store sip sip/transport", ""},
	{"agent/presence", "", ""},
	{"agent/schedule", "", ""},
	{"agent/plainyaml", "", ""},
	{"agent/store", "", ""},

	{"sip", "sip/loop sip/message sip/transport sip/transaction", "internal/simnet internal/ladder internal/ladder/golden"},
	{"sip/transaction", "sip/loop sip/message sip/transport", "internal/simnet"},
	{"sip/transport", "sip/loop sip/message", "internal/simnet"},
	{"sip/message", "", ""},
	{"sip/loop", "", ""},

	{"media", "media/headset media/sdp media/ice media/codec media/jitter media/mixer media/device media/audio dtmf", "media/webrtc internal/libsrtp internal/simnet internal/quality internal/turnserver"},
	{"media/sdp", "media/audio", ""},
	{"media/ice", "", "internal/simnet internal/turnserver"},
	{"media/webrtc", "media/codec media/audio", ""},
	{"media/codec", "media/audio", "internal/spandsp"},
	{"media/jitter", "media/audio", ""},
	{"media/mixer", "media/audio", "internal/asterisk internal/quality"},
	{"media/device", "media/audio", "internal/pulse"},
	{"media/headset", "media/audio", ""},
	{"media/audio", "", ""},
	{"dtmf", "", ""},

	{"internal/lab", "sip sip/loop sip/message sip/transport media media/sdp media/audio media/mixer dtmf", "internal/simnet internal/ladder internal/ladder/golden"},
	{"internal/ladder", "sip", "internal/ladder/golden"},
	{"internal/ladder/golden", "", ""},
	{"internal/story", "", "agent agent/verdict internal/lab internal/ladder internal/ladder/golden internal/simnet internal/turnserver media media/device media/sdp media/webrtc sip sip/message"},
	{"internal/simnet", "", "sip/transport media"},
	{"internal/asterisk", "", ""},
	{"internal/pulse", "media/audio", ""},
	{"internal/crash", "", "agent agent/control agent/store internal/lab media/audio"},
	{"internal/script", "media/audio", ""},
	{"internal/interop", "", "internal/script internal/asterisk internal/pulse internal/lab internal/turnserver media/audio sip"},
	{"internal/conformance", "", ""},
	{"internal/rude", "", "agent agent/control internal/lab internal/simnet media sip sip/loop sip/message sip/transport"},
	{"internal/turnserver", "", ""},
	{"internal/libsrtp", "", ""},
	{"internal/spandsp", "", ""},
	{"internal/quality", "media/audio", ""},
	{"internal/archtest", "", ""},
}

// door is an outside library and the rooms that may import it; "sip/..." stands
// for sip and everything inside it. Tests go through the same door unless the
// row names more for them.
type door struct {
	library string
	rooms   string
	tests   string
}

var doors = []door{
	{"github.com/emiago/sipgo", "sip/...", ""},
	{"github.com/icholy/digest", "sip", "internal/lab"},
	{"github.com/miekg/dns", "sip", "internal/story"},
	{"github.com/pion/webrtc", "media/webrtc", ""},
	{"github.com/pion/rtp", "media media/webrtc", "dtmf"},
	{"github.com/pion/rtcp", "media media/webrtc", ""},
	{"github.com/pion/srtp", "media", ""},
	{"github.com/pion/dtls", "media", ""},
	{"github.com/pion/ice", "media/ice", ""},
	{"github.com/pion/stun", "media/ice", ""},
	{"github.com/pion/transport", "media media/ice media/webrtc", ""},
	{"github.com/pion/turn", "media/ice internal/turnserver", ""},
	{"github.com/pion/logging", "media media/ice media/webrtc internal/turnserver", ""},
	{"github.com/coder/websocket", "sip/transport internal/rude", ""},
	{"github.com/pion/sdp", "media/sdp", ""},
	{"github.com/pion/opus", "media/codec", ""},
	{"github.com/hraban/opus", "media/codec", ""},
	{"github.com/gordonklaus/portaudio", "media/device", ""},
	{"github.com/jfreymuth/pulse", "media/device", ""},
	{"github.com/urfave/cli", "cmd/ringback", ""},
	{"charm.land/bubbletea", "cmd/ringback", ""},
	{"charm.land/lipgloss", "cmd/ringback", ""},
	{"github.com/charmbracelet/x/term", "cmd/ringback", ""},
	{"github.com/charmbracelet/x/vt", "", "cmd/ringback"},
	{"github.com/creack/pty", "", "cmd/ringback"},
	{"github.com/goccy/go-yaml", "agent agent/scenario agent/load agent/plainyaml", "agent/load/fleet"},
	{"github.com/HdrHistogram/hdrhistogram-go", "agent/load", ""},
	{"github.com/prometheus/client_golang", "agent/load/metrics", ""},
	{"github.com/prometheus/client_model", "agent/load/metrics", ""},
	{"github.com/prometheus/common", "", "agent/load/metrics"},
	{"go.opentelemetry.io/otel", "agent/load/spans", ""},
	{"go.opentelemetry.io/proto/otlp", "", "agent/load/spans"},
	{"google.golang.org/protobuf", "", "agent/load/spans"},
	{"github.com/nats-io/nats.go", "agent/load/fleet", ""},
	{"github.com/nats-io/nats-server", "agent/load/fleet", ""},
	{"k8s.io/api", "", "agent/load/fleet"},
	{"sigs.k8s.io/json", "", "agent/load/fleet"},
	{"github.com/google/uuid", "agent", ""},
	{"github.com/nyaruka/phonenumbers", "agent/phone", ""},
	{"github.com/emersion/go-vcard", "agent/book", ""},
	{"github.com/rogpeppe/go-internal", "internal/script", "cmd/ringback internal/interop"},
	{"pgregory.net/rapid", "", "sip/... media/... dtmf agent/... internal/..."},
	{"golang.org/x/sys", "media media/device sip/transport", ""},
	{"golang.org/x/sync", "", ""},
	{"github.com/gopacket/gopacket", "cmd/ringback", ""},
	{"gonum.org/v1/gonum", "media/audio internal/quality", ""},
	{"modernc.org/sqlite", "agent/store", ""},
	{"golang.org/x/text", "agent/store agent/book", ""},
}

// topLevel is what the product's owner allows beside dotfiles.
const topLevel = "cmd sip media dtmf agent internal testdata go.mod go.sum README.md Dockerfile " +
	"LICENSE CHANGELOG.md SECURITY.md Makefile"

// processState are the package variables that may change, with the reason: what
// they stand for is one for the whole process.
var processState = map[string]string{
	"media/device.library": "PortAudio is initialised once for a process and knows no instances",
	"cmd/ringback.version": "the linker writes it",
}
