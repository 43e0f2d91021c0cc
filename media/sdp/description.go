package sdp

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"
)

// Limits of what is read. Reading costs time and memory in proportion, and no
// phone needs more.
const (
	MaxSize    = 16 << 10 // octets of a description
	MaxStreams = 32       // m= lines of a description
)

// Packet times outside of these are nonsense and ignored.
const (
	minPtime = 5 * time.Millisecond
	maxPtime = 200 * time.Millisecond
)

// description is a session description as far as it matters here.
type description struct {
	text    []byte
	body    string // the text without its o= line, to see a change
	streams []stream
	group   string // a=group of BUNDLE
}

// stream is one m= line with what belongs to it.
type stream struct {
	media, proto string
	port         uint16
	formats      []string // as they came

	address   address // c=, of the line or of the session
	direction Direction
	codecs    []Format // formats with a known meaning
	rtcp      rtcpAttribute
	rtcpMux   bool
	ptime     time.Duration
	maxPtime  time.Duration
	crypto    []crypto // those that can be used
	cryptos   int      // of all a=crypto lines
	identity  identity // for DTLS
	ice       ICE
	mid       string
	rtpmaps   []string // values of a=rtpmap, of any media
}

// address is a c= line: none, one that is no IP address, or one.
type address struct {
	text string // as it came, for errors
	ip   netip.Addr
	bad  bool // the type and the address do not go together
}

// rtcpAttribute is a=rtcp (RFC 3605); the zero value is none.
type rtcpAttribute struct {
	port uint16
	ip   netip.Addr // where it names one
}

func (s *stream) audio() bool { return strings.EqualFold(s.media, "audio") }

// parse reads a description.
func parse(body []byte) (description, error) {
	if len(body) > MaxSize {
		return description{}, broken("description of %d octets: at most %d are read", len(body), MaxSize)
	}
	tidy, lines, err := arrange(body)
	if err != nil {
		return description{}, err
	}
	var read pion.SessionDescription
	if err := read.Unmarshal(tidy); err != nil {
		return description{}, broken("description: %s", short(err.Error()))
	}
	if len(read.MediaDescriptions) != len(lines) {
		return description{}, broken("description: %d m= lines read of %d", len(read.MediaDescriptions), len(lines))
	}
	d := description{text: bytes.Clone(body), body: withoutOrigin(body), streams: lines, group: groupOf(read.Attributes)}
	session := SendRecv
	if dir, ok := direction(read.Attributes); ok {
		session = dir
	}
	for i := range d.streams {
		d.streams[i].fill(read.MediaDescriptions[i], connection(read.ConnectionInformation), session)
		d.streams[i].identity = readIdentity(read.MediaDescriptions[i].Attributes).within(readIdentity(read.Attributes))
		d.streams[i].readPath(read.MediaDescriptions[i].Attributes, read.Attributes)
	}
	return d, nil
}

// arrange brings the lines that matter into the order that pion/sdp reads, and puts
// aside those that it may refuse though they say nothing to us: other media than
// audio, bandwidth, names, times. It returns the m= lines as they were.
func arrange(body []byte) (tidy []byte, lines []stream, err error) {
	var origin, session, connection string
	var attributes, media strings.Builder
	for raw := range strings.Lines(string(body)) {
		line := strings.TrimRight(raw, "\r\n \t\x00")
		if len(line) < 2 || line[1] != '=' {
			if line == "" {
				continue
			}
			return nil, nil, broken("line %q: want a letter and =", short(line))
		}
		audio := len(lines) > 0 && lines[len(lines)-1].audio()
		switch kind := line[0]; {
		case kind == 'm':
			s, err := mediaLine(line)
			if err != nil {
				return nil, nil, err
			}
			if lines = append(lines, s); len(lines) > MaxStreams {
				return nil, nil, broken("more than %d m= lines", MaxStreams)
			}
			media.WriteString(s.standIn())
		case kind == 'a' && len(lines) == 0:
			attributes.WriteString(line + "\r\n")
		case kind == 'v' && len(lines) == 0:
			session = line
		case kind == 'o' && len(lines) == 0:
			origin = line
		case kind == 'c' && len(lines) == 0:
			connection = line + "\r\n"
		case audio && (kind == 'a' || kind == 'c'):
			media.WriteString(line + "\r\n")
		}
		if len(lines) > 0 {
			lines[len(lines)-1].note(line)
		}
	}
	if session == "" || origin == "" || len(lines) == 0 {
		return nil, nil, broken("description without a v=, an o= or an m= line")
	}
	out := session + "\r\n" + origin + "\r\ns=-\r\n" + connection + "t=0 0\r\n" + attributes.String() + media.String()
	return []byte(out), lines, nil
}

// mediaLine reads an m= line.
func mediaLine(line string) (stream, error) {
	fields := strings.Fields(line[2:])
	if len(fields) < 3 {
		return stream{}, broken("line %q: want media, port, transport and formats", short(line))
	}
	for _, f := range fields {
		if strings.IndexFunc(f, func(c rune) bool { return c < 0x21 || c > 0x7e }) >= 0 {
			return stream{}, broken("line %q: not plain text", short(line))
		}
	}
	port, _, _ := strings.Cut(fields[1], "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return stream{}, broken("line %q: port %q is none", short(line), short(port))
	}
	return stream{media: fields[0], port: uint16(n), proto: fields[2], formats: fields[3:]}, nil
}

// note keeps what a line of any media is known by, which is said again where it is refused.
func (s *stream) note(line string) {
	if mid, ok := strings.CutPrefix(line, "a=mid:"); ok {
		s.mid = mid
	}
	if m, ok := strings.CutPrefix(line, "a=rtpmap:"); ok {
		s.rtpmaps = append(s.rtpmaps, m)
	}
}

// standIn is the m= line for pion/sdp, which knows few media and transports and
// need not know this one.
func (s *stream) standIn() string {
	return "m=application " + strconv.Itoa(int(s.port)) + " UDP 0\r\n"
}

// fill adds what stands below an m= line.
func (s *stream) fill(m *pion.MediaDescription, session address, dir Direction) {
	if !s.audio() {
		return
	}
	s.address, s.direction = session, dir
	if m.ConnectionInformation != nil {
		s.address = connection(m.ConnectionInformation)
	}
	if d, ok := direction(m.Attributes); ok {
		s.direction = d
	}
	s.codecs = codecs(s.formats, m.Attributes)
	for _, a := range m.Attributes {
		switch a.Key {
		case "rtcp":
			s.rtcp = readRTCP(a.Value)
		case "rtcp-mux":
			s.rtcpMux = true
		case "crypto":
			s.cryptos++
			if c, ok := readCrypto(a.Value); ok && s.cryptos <= maxCryptos {
				s.crypto = append(s.crypto, c)
			}
		case "ptime":
			s.ptime = packetTime(a.Value)
		case "maxptime":
			s.maxPtime = packetTime(a.Value)
		}
	}
}

// direction returns the first direction among attributes.
func direction(attributes []pion.Attribute) (Direction, bool) {
	for _, a := range attributes {
		if d, err := ParseDirection(strings.TrimSpace(a.Key)); err == nil && a.Value == "" {
			return d, true
		}
	}
	return SendRecv, false
}

func connection(c *pion.ConnectionInformation) address {
	if c == nil || c.Address == nil {
		return address{}
	}
	text, _, _ := strings.Cut(c.Address.Address, "/")
	a := address{text: text}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return a // a host name, perhaps
	}
	a.ip = ip
	a.bad = ip.Zone() != "" || ip.Is4() != (c.AddressType == "IP4")
	return a
}

// packetTime reads ptime or maxptime in milliseconds; 0 for nonsense.
func packetTime(value string) time.Duration {
	ms, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	d := time.Duration(ms) * time.Millisecond
	if err != nil || d < minPtime || d > maxPtime {
		return 0
	}
	return d
}

// readRTCP reads a=rtcp (RFC 3605 section 2.1): a port, and an address perhaps.
func readRTCP(value string) rtcpAttribute {
	fields := strings.Fields(value)
	if len(fields) != 1 && len(fields) != 4 {
		return rtcpAttribute{}
	}
	port, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil || port == 0 {
		return rtcpAttribute{}
	}
	r := rtcpAttribute{port: uint16(port)}
	if len(fields) == 4 {
		if r.ip, err = netip.ParseAddr(fields[3]); err != nil {
			return rtcpAttribute{}
		}
	}
	return r
}

// withoutOrigin is the text without its o= line.
func withoutOrigin(body []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "o=") {
			b.WriteString(line)
		}
	}
	return b.String()
}
