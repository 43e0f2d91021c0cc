package message

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Parse admits and reads one whole message, as it comes in one datagram or as a
// framer cut it from a stream. Bytes behind Content-Length are dropped. What is
// not admitted comes back as a *Reject. The message does not refer to data.
func Parse(data []byte) (Message, error) {
	var s scanned
	s.scan(data)
	if s.start == "" {
		s.blame(refuse(400, FaultLine, "no start line"))
		return nil, s.fault
	}
	if first, _, _ := strings.Cut(s.start, " "); isVersion(first) {
		return parseResponse(&s)
	}
	return parseRequest(&s)
}

func parseRequest(s *scanned) (Message, error) {
	method, target, version := splitStart(s.start)
	if !isToken(method) {
		s.blame(refuse(400, FaultLine, "method is no token"))
		return nil, s.fault
	}
	s.checkVersion(version)
	uri := s.checkTarget(target)
	s.checkCommon()
	s.checkRequest(Method(method))
	body := s.cutBody()
	if s.fault != nil {
		s.fault.Head = s.head(Method(method))
		return nil, s.fault
	}
	req := newRequest(Method(method), uri.model())
	s.fill(req, body)
	return req, nil
}

func parseResponse(s *scanned) (Message, error) {
	version, rest, _ := strings.Cut(s.start, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	switch {
	case !strings.EqualFold(version, "SIP/2.0"):
		s.blame(refuse(505, FaultVersion, "version %q", clip(version)))
	case err != nil || len(code) != 3 || status < 100 || status > 699:
		s.blame(refuse(400, FaultLine, "status code %q", clip(code)))
	}
	s.checkCommon()
	body := s.cutBody()
	if s.fault != nil {
		return nil, s.fault
	}
	res := newResponse(status, reason)
	s.fill(res, body)
	return res, nil
}

// splitStart cuts the request line at its first and last blank, so that blanks
// in the URI are left for it to be refused with.
func splitStart(start string) (method, target, version string) {
	method, rest, _ := strings.Cut(start, " ")
	if i := strings.LastIndexByte(rest, ' '); i >= 0 {
		return method, rest[:i], rest[i+1:]
	}
	return method, rest, ""
}

func (s *scanned) checkVersion(version string) {
	switch {
	case strings.EqualFold(version, "SIP/2.0"):
	case isVersion(version):
		// Nothing else that is wrong matters to a version that we do not know.
		s.fault = refuse(505, FaultVersion, "version %q", clip(version))
	default:
		s.blame(refuse(400, FaultVersion, "request line without SIP/2.0 at its end"))
	}
}

func (s *scanned) checkTarget(target string) URI {
	uri, err := parseURI(target)
	switch {
	case err != nil:
		s.blame(refuse(400, FaultURI, "Request-URI: %v", err))
	case len(uri.Headers) > 0:
		s.blame(refuse(400, FaultURI, "headers in the Request-URI"))
	}
	return uri
}

// checkCommon checks what requests and responses have in common.
func (s *scanned) checkCommon() {
	for i, k := range [...]kind{kindVia, kindFrom, kindTo, kindCallID, kindCSeq} {
		if v, _ := s.value(k); v == "" {
			s.blame(refuse(400, FaultMissing, "no %s", [...]string{"Via", "From", "To", "Call-ID", "CSeq"}[i]))
		}
	}
	if s.repeated != "" {
		s.blame(refuse(400, FaultRepeated, "more than one %s", s.repeated))
	}
	s.checkVias()
	for _, k := range [...]kind{kindFrom, kindTo} {
		if v, ok := s.value(k); ok && s.fault == nil {
			if err := checkAddress(v); err != nil {
				s.blame(refuse(400, FaultAddress, "%s: %v", s.lines[s.first[k]-1].name, err))
			}
		}
	}
	if v, ok := s.value(kindCSeq); ok && s.fault == nil {
		if _, err := ParseCSeq(v); err != nil {
			s.blame(refuse(400, FaultCSeq, "%v", err))
		}
	}
}

func (s *scanned) checkVias() {
	n := 0
	for _, l := range s.lines {
		if l.name == "Via" {
			n += countElements(l.Value())
		}
	}
	if n > MaxVias {
		s.blame(refuse(400, FaultVia, "more than %d Via", MaxVias))
	}
	if s.fault != nil {
		return
	}
	for _, l := range s.lines {
		if l.name != "Via" {
			continue
		}
		var bad error
		err := eachTop(l.Value(), ',', func(hop string) {
			if bad == nil {
				bad = checkVia(hop)
			}
		})
		if err = cmp.Or(err, bad); err != nil {
			s.blame(refuse(400, FaultVia, "%v", err))
			return
		}
	}
}

// checkRequest checks what only requests must keep.
func (s *scanned) checkRequest(method Method) {
	if s.fault != nil {
		return
	}
	v, _ := s.value(kindCSeq)
	if cseq, _ := ParseCSeq(v); cseq.Method != method {
		s.blame(refuse(400, FaultCSeq, "CSeq is for another method"))
	}
	if v, ok := s.value(kindMaxForwards); ok {
		if n, err := parseUint(v, 255); err != nil {
			s.blame(refuse(400, FaultValue, "Max-Forwards %q (%d)", clip(v), n))
		}
	}
	for _, l := range s.lines {
		if err := checkAddresses(l); err != nil {
			s.blame(refuse(400, FaultAddress, "%s: %v", l.name, err))
			return
		}
	}
}

// checkAddresses reads the address headers that a dialog would be built on.
func checkAddresses(l line) error {
	var err error
	switch l.name {
	case "Contact":
		if l.Value() != "*" {
			err = checkAddressList(l.Value())
		}
	case "Route", "Record-Route":
		err = checkAddressList(l.Value())
	case "Refer-To":
		_, _, err = ParseReferTo(l.Value())
	case "Replaces":
		_, err = ParseReplaces(l.Value())
	}
	return err
}

// cutBody cuts the body at Content-Length. Without one the rest of the datagram
// is the body (RFC 3261 18.3).
func (s *scanned) cutBody() []byte {
	v, ok := s.value(kindContentLength)
	if !ok {
		return s.body
	}
	n, err := parseUint(v, MaxMessage)
	switch {
	case err != nil:
		s.blame(refuse(400, FaultLength, "Content-Length: %v", err))
	case n > uint64(len(s.body)):
		s.blame(refuse(400, FaultLength, "Content-Length %d, but %d bytes", n, len(s.body)))
	default:
		return s.body[:n]
	}
	return nil
}

func (s *scanned) fill(m Message, body []byte) {
	var room [usualLines]sip.Header
	lines := room[:0]
	for i := range s.lines {
		l := &s.lines[i]
		if i+1 == int(s.first[kindContentLength]) { // where it stands, so that SetBody need not look for it
			length := sip.ContentLengthHeader(len(body))
			lines = append(lines, &length)
			continue
		}
		lines = append(lines, l)
	}
	putLines(m, lines)
	if len(body) > 0 {
		setBody(m, bytes.Clone(body))
	}
}

// head is what an answer is built from: clean lines only, the first of each.
// nil when no answer is due.
func (s *scanned) head(method Method) *Request {
	if method == ACK {
		return nil
	}
	req := sip.NewRequest(method, sip.Uri{})
	vias := 0
	for i, l := range s.lines {
		if _, dirty := slices.BinarySearch(s.dirty, i); dirty {
			if l.name == "Via" {
				return nil
			}
			continue
		}
		switch l.name {
		case "Via":
			if vias++; vias > MaxVias {
				continue
			}
		case "From", "To", "Call-ID", "CSeq":
			if Has(req, l.name) {
				continue
			}
		default:
			continue
		}
		Add(req, l.name, l.Value())
	}
	if vias == 0 {
		return nil
	}
	return req
}
