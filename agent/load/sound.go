package load

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"ringback/media"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// What an end of a call says.
const (
	MediaNone    = "none"    // nothing, also no sockets: signalling only
	MediaSilence = "silence" // packets of silence
	MediaTone    = "tone"
	MediaEcho    = "echo" // what it hears
	MediaFile    = "file" // a WAV file, again and again
)

func medias() []string { return []string{MediaNone, MediaSilence, MediaTone, MediaEcho, MediaFile} }

// opusComplexity is that of all Opus here: nobody listens, and 5 costs half of the 9 of a
// phone, for a likeness (NSIM) of 0.981 in place of 0.983 at 32 kbit/s.
const opusComplexity = 5

// How an end of a call encrypts.
const (
	plainRTP = "off"
	srtpSDES = "sdes" // keys in SDP, also where the signalling can be read: it is a test
	srtpDTLS = "dtls"
)

// sound is how the calls of a plan sound.
type sound struct {
	codecs   []string
	ptime    time.Duration // 0: as the media has it
	clip     audio.Clip    // of MediaFile
	tone     *media.Announcement
	file     *media.Announcement // nil without MediaFile
	security media.Security
}

// soundOf reads what a plan needs. Errors name the field: prefix is before it.
func soundOf(prefix string, names []string, file, encryption string) (*sound, error) {
	s := &sound{codecs: codecs(names), security: media.Security{Encryption: sdp.EncryptionOff}}
	var err error
	switch encryption {
	case srtpSDES:
		s.security = media.Security{Encryption: sdp.EncryptionRequired, Keying: sdp.KeyingSDES}
	case srtpDTLS:
		s.security = media.Security{Encryption: sdp.EncryptionRequired, Keying: sdp.KeyingDTLS}
		if s.security.Certificate, err = media.NewCertificate(); err != nil {
			return nil, err
		}
	}
	rate := media.RateFor(s.codecs)
	if s.tone, err = media.NewAnnouncement(steadyTone(rate), rate); err != nil || file == "" {
		return s, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%sfile: %w", prefix, err)
	}
	defer f.Close()
	if s.clip, err = audio.ReadWAV(f); err != nil {
		return nil, fmt.Errorf("%sfile %s: %w", prefix, file, err)
	}
	if s.clip.Frames() == 0 {
		return nil, fmt.Errorf("%sfile %s: it holds no sound", prefix, file)
	}
	s.file, err = media.NewAnnouncement(s.clip, rate)
	return s, err
}

// steadyTone is a second of what MediaTone says, which begins as it ends.
func steadyTone(rate int) audio.Clip {
	c := audio.Clip{Rate: rate, Channels: 1, Samples: make([]int16, 2*rate)}
	audio.NewTone(speech(), rate).Fill(c.Samples)
	c.Samples = c.Samples[rate:]
	return c
}

// sound reads what a plan's calls, or its agents, need.
func (p *Plan) sound() (*sound, error) {
	if a := p.Agents; a != nil { // their phones make certificates of their own
		return soundOf("agents.", a.Codecs, a.File, "")
	}
	s, err := soundOf("calls.", p.Calls.Codecs, p.Calls.File, p.Calls.Encryption)
	if err == nil {
		s.ptime = p.Calls.Ptime
	}
	return s, err
}

// checkPtime looks at a plan's packet time; 0 leaves it to the media.
func checkPtime(prefix string, ptime time.Duration) error {
	if ptime == 0 || slices.Contains(media.PacketTimes(), ptime) {
		return nil
	}
	return wrong(prefix+"ptime", ptime, "write 10ms, 20ms, 30ms, 40ms or 60ms")
}

// checkSound looks at the fields of a plan that soundOf reads.
func checkSound(prefix string, names []string, kinds []string, file, encryption string) error {
	plays := slices.Contains(kinds, MediaFile)
	switch {
	case plays && file == "":
		return wrong(prefix+"file", `""`, "write the WAV file that media: file says")
	case !plays && file != "":
		return wrong(prefix+"file", file, "write media: file, or leave it out")
	case !slices.Contains([]string{"", plainRTP, srtpSDES, srtpDTLS}, encryption):
		return wrong(prefix+"encryption", encryption, "write off, sdes or dtls")
	case !slices.ContainsFunc(kinds, func(kind string) bool { return kind != MediaNone }):
		return nil
	case len(names) == 0:
		return wrong(prefix+"codecs", "[]", "write codecs by preference, as [opus, g722, pcmu, pcma]")
	}
	for _, name := range names {
		if !media.Sends(strings.ToUpper(name)) {
			return wrong(prefix+"codecs", name, "write codecs that this build sends, of opus, g722, pcmu and pcma: ringback version says how it was built")
		}
	}
	return nil
}

// voice is the media of one call.
type voice struct {
	session *media.Session
	bridge  *media.Bridge // nil: nobody hears the far end
}

// newVoice makes the media of a call, which says a tone, a file, silence, or what it hears.
// Only what it hears is heard by anybody.
func newVoice(e *media.Engine, ip netip.Addr, s *sound, kind string) (*voice, error) {
	v := &voice{}
	var err error
	v.session, err = e.NewSession(media.SessionConfig{LocalIP: ip, Codecs: s.codecs, Opus: codec.OpusConfig{Complexity: opusComplexity}, Ptime: s.ptime, DTMF: true, NAT: true, Security: s.security, Unheard: kind != MediaEcho})
	if err != nil {
		return nil, err
	}
	switch kind {
	case MediaEcho:
		err = v.echo(e)
	case MediaTone:
		err = v.session.Announce(s.tone)
	case MediaFile:
		err = v.session.Announce(s.file)
	}
	if err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// echo has the session say what it hears.
func (v *voice) echo(e *media.Engine) error {
	v.bridge = e.NewBridge()
	slot, err := v.bridge.Add(v.session)
	if err != nil {
		return err
	}
	return v.bridge.SetRoutes([]mixer.Route{{From: slot, To: slot}})
}

func (v *voice) close() {
	_ = v.session.Close()
	if v.bridge != nil {
		_ = v.bridge.Close()
	}
}

// mediaOf is the engine of all calls of a plan, those that come with them, which runs until stop; nil where there
// is signalling only.
func mediaOf(p *Plan, o Options) (e *media.Engine, stop func()) {
	names := p.Calls.Codecs
	switch {
	case p.Agents != nil:
		names = p.Agents.Codecs
	case p.Answer.Sounds():
		names = slices.Concat(names, p.Answer.Codecs)
	case p.Calls.Media == MediaNone:
		return nil, func() {}
	}
	e = media.NewEngine(media.EngineConfig{Network: o.Media, Log: o.Log, Rate: media.RateFor(codecs(names))})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.Run(context.Background())
	}()
	return e, func() {
		_ = e.Close()
		<-ended
	}
}
