package message

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Via is one hop of the Via header.
type Via struct {
	Transport string // upper case: UDP, TCP, TLS, WS, WSS or what stood there
	Host      string // sent-by, IPv6 without brackets
	Port      uint16 // sent-by, 0 when none is given
	Params    Params
	Raw       string // as it stood in the message; "" when made here
}

// ParseVia reads one Via element. Blanks round the slashes, the colon and the
// parameters are allowed (RFC 3261 20.42, 4475 3.1.1.1).
func ParseVia(s string) (Via, error) {
	v, err := parseVia(s)
	if err != nil {
		return Via{}, fmt.Errorf("read Via %q: %w", clip(s), err)
	}
	return v, nil
}

func parseVia(s string) (Via, error) {
	v, params, err := cutVia(s)
	if err == nil {
		v.Params, err = ParseParams(params)
	}
	return v, err
}

// checkVia says what ParseVia would, and keeps nothing.
func checkVia(s string) error {
	_, params, err := cutVia(s)
	if err == nil {
		err = checkParams(params)
	}
	if err != nil {
		return fmt.Errorf("read Via %q: %w", clip(s), err)
	}
	return nil
}

// cutVia reads a hop up to its parameters.
func cutVia(s string) (v Via, params string, err error) {
	v.Raw = trimBlanks(s)
	name, rest, ok := strings.Cut(v.Raw, "/")
	version, rest, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || !strings.EqualFold(trimBlanks(name), "SIP") || trimBlanks(version) != "2.0" {
		return v, "", errors.New("protocol is not SIP/2.0")
	}
	rest = rest[skipBlanks(rest, 0):]
	end := indexEither(rest, ' ', '\t')
	if end < 0 || !isToken(rest[:end]) {
		return v, "", errors.New("no transport and sent-by")
	}
	v.Transport = strings.ToUpper(rest[:end])
	rest = rest[end:]
	if i := strings.IndexByte(rest, ';'); i >= 0 {
		rest, params = rest[:i], rest[i:]
	}
	v.Host, v.Port, err = parseSentBy(trimBlanks(rest))
	return v, params, err
}

// parseSentBy allows blanks round the colon, as the grammar does.
func parseSentBy(s string) (string, uint16, error) {
	if i := strings.LastIndexByte(s, ':'); i > 0 && indexEither(s, ' ', '\t') >= 0 {
		s = trimBlanks(s[:i]) + ":" + trimBlanks(s[i+1:])
	}
	return parseHostPort(s)
}

// String writes the hop as it came in, or as it was made.
func (v Via) String() string {
	if v.Raw != "" {
		return v.Raw
	}
	var room [textRoom]byte
	return string(v.appendTo(room[:0]))
}

// Branched is String of a hop that was made, with a branch as its last parameter.
func (v Via) Branched(branch string) string {
	var room [textRoom]byte
	return string(append(append(v.appendTo(room[:0]), ";branch="...), branch...))
}

func (v Via) appendTo(b []byte) []byte {
	b = append(append(append(b, "SIP/2.0/"...), v.Transport...), ' ')
	return v.Params.appendTo(appendHostPort(b, v.Host, v.Port))
}

// Branch is the branch parameter, or "".
func (v Via) Branch() string { return v.Params.Value("branch") }

// SentBy is host or host:port as the sender wrote it, in lower case.
func (v Via) SentBy() string { return strings.ToLower(joinHostPort(v.Host, v.Port)) }

// HasMagic says that the branch identifies the transaction (RFC 3261 17.2.3):
// it has the magic cookie and something behind it.
func (v Via) HasMagic() bool { return hasMagic(v.Branch()) }

func hasMagic(branch string) bool {
	const magic = "z9hg4bk"
	return len(branch) > len(magic) && strings.EqualFold(branch[:len(magic)], magic)
}

// AppendTransaction appends what makes requests one transaction (RFC 3261 17.2.3): branch and
// sent-by of the top hop, both in lower case. magic is that hop's HasMagic: without it
// nothing is appended.
func AppendTransaction(b []byte, req *Request) (key []byte, magic bool, err error) {
	first, _, err := topElement(req)
	if err != nil {
		return b, false, err
	}
	via, params, err := cutVia(first)
	if err != nil {
		return b, false, fmt.Errorf("read Via %q: %w", clip(first), err)
	}
	branch, _, err := findParam(params, "branch")
	if err != nil || !hasMagic(branch) {
		return b, false, err
	}
	from := len(b)
	b = appendHostPort(append(append(b, branch...), '|'), via.Host, via.Port)
	for i, c := range b[from:] {
		if c >= 'A' && c <= 'Z' {
			b[from+i] = c + 'a' - 'A'
		}
	}
	return b, true, nil
}

// TopVia reads the first hop.
func TopVia(m Message) (Via, error) {
	first, _, err := topElement(m)
	if err != nil {
		return Via{}, err
	}
	return ParseVia(first)
}

// OnlyBranch is the branch of a message that has one hop; ok is false where it has more or
// none, or one that cannot be read.
func OnlyBranch(m Message) (branch string, ok bool) {
	first, rest, err := topElement(m)
	if err != nil || rest != "" {
		return "", false
	}
	n := 0
	for _, h := range linesOf(m) {
		if sameHeader(h.Name(), "Via") {
			n++
		}
	}
	_, params, err := cutVia(first)
	if n != 1 || err != nil {
		return "", false
	}
	branch, _, err = findParam(params, "branch")
	return branch, err == nil
}

// AnswerPort is the port that a response goes to over UDP, at the address that its request
// came from: that of the sent-by of its top Via, or 0 for the one that it came from, where
// rport asks for that (RFC 3581 4) or the Via cannot be read.
func AnswerPort(res *Response) uint16 {
	first, _, err := topElement(res)
	if err != nil {
		return 0
	}
	via, params, err := cutVia(first)
	if err != nil {
		return 0
	}
	if _, rport, err := findParam(params, "rport"); rport || err != nil {
		return 0
	}
	return cmp.Or(via.Port, 5060)
}

// Vias reads all hops in order.
func Vias(m Message) ([]Via, error) {
	var out []Via
	for _, value := range Values(m, "Via") {
		parts, err := splitElements(value)
		if err != nil {
			return nil, fmt.Errorf("read Via: %w", err)
		}
		for _, p := range parts {
			v, err := ParseVia(p)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	return out, nil
}

// topElement is the first element of the first Via line and what follows it.
func topElement(m Message) (first, rest string, err error) {
	value := Value(m, "Via")
	if value == "" {
		return "", "", fmt.Errorf("read Via: %w", ErrNoHeader)
	}
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '"':
			end, err := quotedEnd(value, i)
			if err != nil {
				return "", "", fmt.Errorf("read Via: %w", err)
			}
			i = end - 1
		case ',':
			return value[:i], value[i:], nil
		}
	}
	return value, "", nil
}

// StampVia notes in the top Via where a request came from: received when the
// sent-by is another address or rport is there, and the port in an empty rport
// (RFC 3261 18.2.1, 3581 4). A received that the sender wrote himself is
// replaced. All else stays byte for byte.
func StampVia(req *Request, source netip.AddrPort) error {
	first, rest, err := topElement(req)
	if err != nil {
		return err
	}
	rport, received := false, false
	via, params, err := cutVia(first)
	if err == nil {
		err = eachParam(params, func(p Param) {
			rport = rport || sameName(p.Name, "rport")
			received = received || sameName(p.Name, "received")
		})
	}
	if err != nil {
		return fmt.Errorf("read Via %q: %w", clip(first), err)
	}
	source = netip.AddrPortFrom(source.Addr().Unmap(), source.Port())
	sentBy, parseErr := netip.ParseAddr(via.Host)
	stamp := rport || parseErr != nil || sentBy.Unmap() != source.Addr().WithZone("")
	if !stamp && !received {
		return nil
	}
	first = editParams(first, source, stamp)
	SetFirst(req, "Via", first+rest)
	return nil
}

// editParams rewrites received and rport in the text of a hop that was read
// without error, and leaves every other byte.
func editParams(hop string, source netip.AddrPort, stamp bool) string {
	head, params := hop, ""
	if i := strings.IndexByte(hop, ';'); i >= 0 {
		head, params = hop[:i], hop[i:]
	}
	var room [textRoom]byte
	b := append(room[:0], strings.TrimRight(head, " \t")...)
	for params != "" {
		next := paramEnd(params)
		part := params[:next]
		params = params[next:]
		name, _, _ := strings.Cut(part[1:], "=")
		switch name = strings.ToLower(trimBlanks(name)); {
		case name == "received" || name == "":
		case name == "rport":
			b = strconv.AppendUint(append(b, ";rport="...), uint64(source.Port()), 10)
		default:
			b = append(b, part...)
		}
	}
	if stamp {
		b = source.Addr().WithZone("").AppendTo(append(b, ";received="...))
	}
	return string(b)
}

// paramEnd is the index of the ; that starts the next parameter, or the end.
func paramEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			if end, err := quotedEnd(s, i); err == nil {
				i = end - 1
			}
		case ';':
			return i
		}
	}
	return len(s)
}
