package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/webrtc/v4"

	"ringback/media/codec"
)

// Config sets up a Peer; Network, IP and Codecs are needed.
type Config struct {
	Network Network
	IP      netip.Addr // IPv4, of the host that Network is
	Codecs  []string   // by preference: opus, G722, PCMA, PCMU
	Tone    float64    // Hz, that is sent
	Passive bool       // answers a=setup:passive, where the offer leaves it the choice
	Video   bool       // offers a line of video, too
	Lite    bool       // speaks ICE as a server with a public address does (RFC 8445 section 2.5)
	TURN    *TURN      // nothing but its relays are candidates; nil: the host's own socket
}

// TURN is a server; URL is turn:ADDRESS:PORT, reached by UDP.
type TURN struct {
	URL, Username, Password string
}

// The payload types, as Chromium has them.
var payloadTypes = map[string]pion.PayloadType{"opus": 111, "G722": 9, "PCMA": 8, "PCMU": 0}

const (
	events8k  = 126
	events48k = 110
	eventMIME = "audio/telephone-event"

	noMulticastDNS = 1 // pion/ice's MulticastDNSModeDisabled: no socket but those of Network
)

// Peer is one PeerConnection with a line of sound. It bundles all on one port (max-bundle) and wants rtcp-mux.
type Peer struct {
	cfg    Config
	conn   *pion.PeerConnection
	line   *line
	ear    ear
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New makes a Peer that sends when it is connected.
func New(cfg Config) (*Peer, error) {
	api, err := cfg.api()
	if err != nil {
		return nil, err
	}
	conn, err := api.NewPeerConnection(cfg.connection())
	if err != nil {
		return nil, fmt.Errorf("make peer: %w", err)
	}
	p := &Peer{cfg: cfg, conn: conn, line: newLine(cfg.Tone)}
	p.ear.own = p.line.source
	sender, err := conn.AddTrack(p.line)
	if err == nil && cfg.Video {
		_, err = conn.AddTransceiverFromKind(pion.RTPCodecTypeVideo)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make peer: %w", err), conn.Close())
	}
	conn.OnTrack(func(track *pion.TrackRemote, from *pion.RTPReceiver) {
		p.wg.Go(func() { p.ear.listen(track) })
		p.wg.Go(func() { p.ear.readReports(reportsOf(from.ReadRTCP)) })
	})
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.wg.Go(func() { p.line.speak(ctx) })
	p.wg.Go(func() { p.ear.readReports(reportsOf(sender.ReadRTCP)) })
	return p, nil
}

// api is pion's, with the codecs, the network and the interceptors of a browser.
func (c *Config) api() (*pion.API, error) {
	media := &pion.MediaEngine{}
	for _, name := range c.Codecs {
		params, err := parameters(name)
		if err == nil {
			err = media.RegisterCodec(params, pion.RTPCodecTypeAudio)
		}
		if err != nil {
			return nil, fmt.Errorf("make peer: codec %q: %w", name, err)
		}
	}
	for pt, rate := range map[pion.PayloadType]uint32{events8k: 8000, events48k: 48000} {
		event := pion.RTPCodecCapability{MimeType: eventMIME, ClockRate: rate}
		if err := media.RegisterCodec(pion.RTPCodecParameters{RTPCodecCapability: event, PayloadType: pt}, pion.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("make peer: %w", err)
		}
	}
	if c.Video {
		vp8 := pion.RTPCodecCapability{MimeType: pion.MimeTypeVP8, ClockRate: 90000}
		if err := media.RegisterCodec(pion.RTPCodecParameters{RTPCodecCapability: vp8, PayloadType: 96}, pion.RTPCodecTypeVideo); err != nil {
			return nil, fmt.Errorf("make peer: %w", err)
		}
	}
	setting := pion.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}}
	setting.SetNet(sockets{network: c.Network, ip: c.IP})
	setting.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4})
	setting.SetLite(c.Lite)
	setting.SetICEMulticastDNSMode(noMulticastDNS)
	// An answer need not name SSRCs (RFC 9143 section 9.2: the payload type tells the line, too); by itself
	// pion hears only those that one names.
	setting.SetHandleUndeclaredSSRCWithoutAnswer(true)
	role := pion.DTLSRoleClient
	if c.Passive {
		role = pion.DTLSRoleServer
	}
	if err := setting.SetAnsweringDTLSRole(role); err != nil {
		return nil, fmt.Errorf("make peer: %w", err)
	}
	return pion.NewAPI(pion.WithMediaEngine(media), pion.WithSettingEngine(setting)), nil
}

func parameters(name string) (pion.RTPCodecParameters, error) {
	c, known := codec.Find(name, 0)
	pt, has := payloadTypes[name]
	if !known || !has {
		return pion.RTPCodecParameters{}, errors.New("use opus, G722, PCMA or PCMU")
	}
	p := pion.RTPCodecParameters{PayloadType: pt, RTPCodecCapability: pion.RTPCodecCapability{MimeType: "audio/" + name, ClockRate: uint32(c.ClockRate)}}
	if name == "opus" {
		p.Channels, p.SDPFmtpLine = 2, "minptime=10;useinbandfec=1"
	}
	return p, nil
}

func (c *Config) connection() pion.Configuration {
	conf := pion.Configuration{BundlePolicy: pion.BundlePolicyMaxBundle, RTCPMuxPolicy: pion.RTCPMuxPolicyRequire}
	if c.TURN != nil {
		conf.ICETransportPolicy = pion.ICETransportPolicyRelay
		conf.ICEServers = []pion.ICEServer{{URLs: []string{c.TURN.URL}, Username: c.TURN.Username, Credential: c.TURN.Password}}
	}
	return conf
}

// Offer makes one with all candidates in it. restart: of ICE, with other credentials. One
// after the first has one more line of sound each time: pion makes it for the stream that it
// hears, where no a=ssrc names that. The answer may refuse it, and the stream is heard on.
func (p *Peer) Offer(restart bool) ([]byte, error) {
	offer, err := p.conn.CreateOffer(&pion.OfferOptions{ICERestart: restart})
	if err != nil {
		return nil, fmt.Errorf("create offer: %w", err)
	}
	return p.local(offer)
}

// Answer takes an offer and answers it, with all candidates.
func (p *Peer) Answer(offer []byte) ([]byte, error) {
	if err := p.conn.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: string(offer)}); err != nil {
		return nil, fmt.Errorf("take offer: %w", err)
	}
	answer, err := p.conn.CreateAnswer(nil)
	if err != nil {
		return nil, fmt.Errorf("create answer: %w", err)
	}
	return p.local(answer)
}

// local makes a description ours, and waits for its candidates.
func (p *Peer) local(d pion.SessionDescription) ([]byte, error) {
	gathered := pion.GatheringCompletePromise(p.conn)
	if err := p.conn.SetLocalDescription(d); err != nil {
		return nil, fmt.Errorf("set local description: %w", err)
	}
	select {
	case <-gathered:
	case <-time.After(gatherTime):
		return nil, fmt.Errorf("gather candidates: not done after %s", gatherTime)
	}
	return []byte(p.conn.LocalDescription().SDP), nil
}

const gatherTime = 10 * time.Second

// Accept takes the answer to our offer.
func (p *Peer) Accept(answer []byte) error {
	if err := p.conn.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		return fmt.Errorf("take answer: %w", err)
	}
	return nil
}

// State is that of the connection, in the words of W3C: new, connecting, connected, failed …
func (p *Peer) State() string { return p.conn.ConnectionState().String() }

// Codec is what is sent, as in SDP ("PCMU"); empty before an answer.
func (p *Peer) Codec() string { return strings.TrimPrefix(p.line.mime(), "audio/") }

// Dial sends digits by RFC 4733, 100 ms each with 60 ms between them, behind those that
// are being sent.
func (p *Peer) Dial(digits string) { p.line.dial(digits) }

// Hears says that a tone is in what came within the last 100 ms.
func (p *Peer) Hears(hz float64) bool { return p.ear.hears(hz) }

// Digits are all that came by RFC 4733, each once.
func (p *Peer) Digits() string { return p.ear.dialled() }

// Packets counts those of sound and digits that came.
func (p *Peer) Packets() int { return p.ear.packets() }

// Reports are what the far end reports by RTCP (RFC 3550 section 6.4).
func (p *Peer) Reports() Reports { return p.ear.reported() }

// Close ends it and waits for its goroutines. The far end is told by a close_notify of DTLS.
func (p *Peer) Close() error {
	p.cancel()
	err := p.conn.GracefulClose()
	p.wg.Wait()
	return err
}
