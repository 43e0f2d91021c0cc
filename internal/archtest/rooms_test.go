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
	{"cmd/ringback", "agent agent/control agent/book agent/store internal/lab internal/ladder sip sip/loop sip/transport media/device media/audio", "internal/simnet"},
	{"agent/control", "agent", "internal/lab internal/simnet sip/transport"},
	{"agent/book", "agent/store agent/phone", ""},
	{"agent/phone", "", ""},
	{"agent", "agent/book agent/phone agent/presence agent/schedule agent/store sip sip/loop sip/transport media media/sdp media/audio media/mixer media/device dtmf", "internal/lab internal/ladder internal/ladder/golden internal/simnet"},
	{"agent/presence", "", ""},
	{"agent/schedule", "", ""},
	{"agent/store", "", ""},

	{"sip", "sip/loop sip/message sip/transport sip/transaction", "internal/simnet internal/ladder internal/ladder/golden"},
	{"sip/transaction", "sip/loop sip/message sip/transport", "internal/simnet"},
	{"sip/transport", "sip/loop sip/message", "internal/simnet"},
	{"sip/message", "", ""},
	{"sip/loop", "", ""},

	{"media", "media/sdp media/codec media/jitter media/mixer media/device media/audio dtmf", "internal/simnet"},
	{"media/sdp", "media/audio", ""},
	{"media/codec", "media/audio", "internal/spandsp"},
	{"media/jitter", "media/audio", ""},
	{"media/mixer", "media/audio", ""},
	{"media/device", "media/audio", "internal/pulse"},
	{"media/audio", "", ""},
	{"dtmf", "", ""},

	{"internal/lab", "sip sip/loop sip/message sip/transport media media/sdp media/audio media/mixer dtmf", "internal/simnet internal/ladder internal/ladder/golden"},
	{"internal/ladder", "sip", "internal/ladder/golden"},
	{"internal/ladder/golden", "", ""},
	{"internal/story", "", "agent internal/lab internal/ladder internal/ladder/golden internal/simnet sip sip/message"},
	{"internal/simnet", "", "sip/transport media"},
	{"internal/asterisk", "", ""},
	{"internal/pulse", "media/audio", ""},
	{"internal/crash", "", "agent agent/control agent/store internal/lab"},
	{"internal/interop", "", "internal/asterisk internal/pulse internal/lab sip"},
	{"internal/conformance", "", ""},
	{"internal/rude", "", "agent agent/control internal/lab internal/simnet media sip sip/loop sip/message sip/transport"},
	{"internal/spandsp", "", ""},
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
	{"github.com/miekg/dns", "sip", ""},
	{"github.com/pion/rtp", "media", "dtmf"},
	{"github.com/pion/rtcp", "media", ""},
	{"github.com/pion/sdp", "media/sdp", ""},
	{"github.com/gordonklaus/portaudio", "media/device", ""},
	{"github.com/jfreymuth/pulse", "media/device", ""},
	{"github.com/urfave/cli", "cmd/ringback", ""},
	{"github.com/goccy/go-yaml", "agent", ""},
	{"github.com/nyaruka/phonenumbers", "agent/phone", ""},
	{"github.com/emersion/go-vcard", "agent/book", ""},
	{"github.com/rogpeppe/go-internal", "", "cmd/ringback internal/interop"},
	{"pgregory.net/rapid", "", "sip/... media/... dtmf agent/... internal/..."},
	{"golang.org/x/sys", "media media/device sip/transport", ""},
	{"golang.org/x/net", "media sip/transport", ""},
	{"golang.org/x/sync", "", ""},
	{"github.com/gopacket/gopacket", "cmd/ringback", ""},
	{"gonum.org/v1/gonum", "media/audio", ""},
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
