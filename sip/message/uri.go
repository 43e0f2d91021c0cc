package message

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// URI is a SIP, SIPS or other URI. The parts are as on the wire: escapes are
// kept, so that a URI goes out as it came in.
type URI struct {
	Scheme   string // lower case; "" is the zero URI
	User     string // "" when there is none
	Password string
	Host     string // a name or an address, IPv6 without brackets
	Port     uint16 // 0: none given
	Params   Params // sip and sips only
	Headers  Params // what follows the ?, escaped; sip and sips only
	Opaque   string // of other schemes: all that follows the colon
}

// ParseURI reads one URI without angle brackets (RFC 3261 19.1.1). Unknown
// schemes are kept whole in Opaque. A blank, a quote, a bad escape, a bad IPv6
// address or a port outside 1 to 65535 is an error.
func ParseURI(s string) (URI, error) {
	u, err := parseURI(s)
	if err != nil {
		return URI{}, fmt.Errorf("read uri %q: %w", clip(s), err)
	}
	return u, nil
}

func parseURI(s string) (URI, error) {
	colon := strings.IndexByte(s, ':')
	if colon <= 0 {
		return URI{}, errors.New("no scheme")
	}
	for i := 0; i < len(s); i++ {
		if !isURIChar(s[i]) {
			return URI{}, fmt.Errorf("character 0x%02x is not allowed", s[i])
		}
	}
	u := URI{Scheme: strings.ToLower(s[:colon])}
	if !u.IsSIP() && !isScheme(u.Scheme) {
		return URI{}, errors.New("bad scheme")
	}
	rest := s[colon+1:]
	if rest == "" {
		return URI{}, errors.New("nothing after the scheme")
	}
	if !u.IsSIP() {
		u.Opaque = rest
		return u, nil
	}
	return u, u.parseSIP(rest)
}

// isScheme expects lower case.
func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || !isAlnum(c) && strings.IndexByte("+-.", c) < 0) {
			return false
		}
	}
	return true
}

func (u *URI) parseSIP(s string) error {
	if at := strings.IndexByte(s, '@'); at >= 0 {
		user, password, _ := strings.Cut(s[:at], ":")
		if user == "" {
			return errors.New("empty user before @")
		}
		if err := checkEscapes(s[:at]); err != nil {
			return err
		}
		u.User, u.Password = user, password
		s = s[at+1:]
	}
	end := indexEither(s, ';', '?')
	if end < 0 {
		end = len(s)
	}
	var err error
	if u.Host, u.Port, err = parseHostPort(s[:end]); err != nil {
		return err
	}
	params, headers, _ := strings.Cut(s[end:], "?")
	if u.Params, err = parseURIParams(params); err != nil {
		return err
	}
	u.Headers, err = parseURIHeaders(headers)
	return err
}

// parseHostPort reads host[:port] without blanks.
func parseHostPort(s string) (string, uint16, error) {
	host, rest := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, errors.New("unclosed [")
		}
		host, rest = s[1:end], s[end+1:]
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", 0, fmt.Errorf("%q is no IPv6 address", clip(host))
		}
	} else {
		if i := strings.IndexByte(s, ':'); i >= 0 {
			host, rest = s[:i], s[i:]
		}
		if !isHostname(host) {
			return "", 0, fmt.Errorf("%q is no host", clip(host))
		}
	}
	if rest == "" {
		return host, 0, nil
	}
	if rest[0] != ':' || !isDigits(rest[1:]) {
		return "", 0, fmt.Errorf("%q is no port", clip(rest))
	}
	port, err := strconv.ParseUint(rest[1:], 10, 16)
	if err != nil || port == 0 {
		return "", 0, fmt.Errorf("port %s is outside 1 to 65535", clip(rest[1:]))
	}
	return host, uint16(port), nil
}

func isHostname(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isHostChar(s[i]) {
			return false
		}
	}
	return s != ""
}

func parseURIParams(s string) (Params, error) {
	if s == "" {
		return nil, nil
	}
	parts := strings.SplitN(s[1:], ";", MaxParams+1)
	if len(parts) > MaxParams {
		return nil, fmt.Errorf("more than %d parameters", MaxParams)
	}
	ps := make(Params, 0, len(parts))
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		if name == "" {
			if i == len(parts)-1 && part == "" && i > 0 {
				break
			}
			return nil, errors.New("empty parameter")
		}
		if err := checkEscapes(part); err != nil {
			return nil, err
		}
		ps = append(ps, Param{Name: name, Value: value})
	}
	return ps, nil
}

func parseURIHeaders(s string) (Params, error) {
	if s == "" {
		return nil, nil
	}
	parts := strings.SplitN(s, "&", MaxParams+1)
	if len(parts) > MaxParams {
		return nil, fmt.Errorf("more than %d headers", MaxParams)
	}
	hs := make(Params, 0, len(parts))
	for _, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		if name == "" {
			return nil, errors.New("empty header name behind ?")
		}
		if err := checkEscapes(part); err != nil {
			return nil, err
		}
		hs = append(hs, Param{Name: name, Value: value})
	}
	return hs, nil
}

// Header is the unescaped value of one of the headers behind the ?, or "".
func (u URI) Header(name string) string { return Unescape(u.Headers.Value(name)) }

// IsZero says that there is no URI.
func (u URI) IsZero() bool { return u.Scheme == "" }

// IsSIP says that the scheme is sip or sips.
func (u URI) IsSIP() bool { return u.Scheme == "sip" || u.Scheme == "sips" }

// String writes the URI without angle brackets.
func (u URI) String() string {
	var room [textRoom]byte
	return string(u.appendTo(room[:0]))
}

func (u URI) appendTo(b []byte) []byte {
	if u.Scheme == "" {
		return b
	}
	b = append(append(b, u.Scheme...), ':')
	if !u.IsSIP() {
		return append(b, u.Opaque...)
	}
	if u.User != "" {
		b = append(b, u.User...)
		if u.Password != "" {
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = u.Params.appendTo(appendHostPort(b, u.Host, u.Port))
	for i, h := range u.Headers {
		b = append(append(b, "?&"[min(i, 1)]), h.Name...)
		b = append(append(b, '='), h.Value...)
	}
	return b
}

// HostPort is host, or host:port when a port is given; IPv6 in brackets.
func (u URI) HostPort() string { return joinHostPort(u.Host, u.Port) }

func joinHostPort(host string, port uint16) string {
	if port == 0 && strings.IndexByte(host, ':') < 0 {
		return host
	}
	var room [textRoom]byte
	return string(appendHostPort(room[:0], host, port))
}

func appendHostPort(b []byte, host string, port uint16) []byte {
	if strings.IndexByte(host, ':') >= 0 {
		b = append(append(append(b, '['), host...), ']')
	} else {
		b = append(b, host...)
	}
	if port == 0 {
		return b
	}
	return strconv.AppendUint(append(b, ':'), uint64(port), 10)
}

// Bare is the URI without parameters and headers: sip:user@host:port.
func (u URI) Bare() URI {
	u.Params, u.Headers = nil, nil
	return u
}

// UserText is the user part with its escapes resolved, to be shown or compared.
func (u URI) UserText() string { return Unescape(u.User) }

// Equal compares as RFC 3261 19.1.4 says: escapes are resolved, host, scheme
// and parameters without regard to case; user, ttl, method, maddr and transport
// must be on both sides or on neither, other parameters only where both have
// them; headers must be the same.
func (u URI) Equal(v URI) bool {
	if u.Scheme != v.Scheme || u.Opaque != v.Opaque || !strings.EqualFold(u.Host, v.Host) || u.Port != v.Port ||
		Unescape(u.User) != Unescape(v.User) || Unescape(u.Password) != Unescape(v.Password) {
		return false
	}
	for _, name := range [...]string{"user", "ttl", "method", "maddr", "transport"} {
		if u.Params.Has(name) != v.Params.Has(name) {
			return false
		}
	}
	for _, p := range u.Params {
		if other, ok := v.Params.Get(Unescape(p.Name)); ok && !strings.EqualFold(Unescape(other), Unescape(p.Value)) {
			return false
		}
	}
	if len(u.Headers) != len(v.Headers) {
		return false
	}
	for _, h := range u.Headers {
		if other, ok := v.Headers.Get(Unescape(h.Name)); !ok || Unescape(other) != Unescape(h.Value) {
			return false
		}
	}
	return true
}

// model makes sipgo's URI of ours, so that a Request-URI goes out as given.
func (u URI) model() sip.Uri {
	if u.Scheme != "" && !u.IsSIP() {
		// Only its parser fills the opaque part, and it knows schemes of letters only.
		m := sip.Uri{}
		if sip.ParseUri("opaque:"+u.Opaque, &m) == nil {
			m.Scheme = u.Scheme
		}
		return m
	}
	m := sip.Uri{Scheme: u.Scheme, User: u.User, Password: u.Password, Host: u.Host, Port: int(u.Port)}
	if strings.IndexByte(u.Host, ':') >= 0 {
		m.Host = "[" + u.Host + "]"
	}
	for _, p := range u.Params {
		m.UriParams = append(m.UriParams, sip.HeaderKV{K: p.Name, V: p.Value})
	}
	for _, h := range u.Headers {
		m.Headers = append(m.Headers, sip.HeaderKV{K: h.Name, V: h.Value})
	}
	return m
}

// RequestURI is the Request-URI of a request, or the zero URI when it has none
// that can be read.
func RequestURI(req *Request) URI {
	if u, plain := plainURI(req); plain {
		return u
	}
	u, err := ParseURI(req.Recipient.String())
	if err != nil {
		return URI{}
	}
	return u
}

// plainURI is the Request-URI where it is of the kind that nearly all are, as its text would
// be read.
func plainURI(req *Request) (u URI, plain bool) {
	m := &req.Recipient
	plain = m.Scheme == "sip" && isPlainUser(m.User) && m.Password == "" && isHostname(m.Host) &&
		len(m.UriParams) == 0 && len(m.Headers) == 0 && m.Port >= 0 && m.Port <= math.MaxUint16
	if !plain {
		return URI{}, false
	}
	return URI{Scheme: m.Scheme, User: m.User, Host: m.Host, Port: uint16(m.Port)}, true
}

func isPlainUser(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && strings.IndexByte("+-_.*#", c) < 0 {
			return false
		}
	}
	return true
}

// SetRequestURI gives a request another Request-URI, without the parts that
// must not stand there (method and headers, RFC 3261 19.1.1 table 1).
func SetRequestURI(req *Request, u URI) {
	u.Headers = nil
	u.Params = u.Params.Without("method")
	req.Recipient = u.model()
}
