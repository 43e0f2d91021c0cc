package sdp

import (
	"fmt"
	"strings"
)

// Warning codes (RFC 3261 section 20.43) that a Refusal may carry.
const (
	warnAddressType = 301 // incompatible network address formats
	warnTransport   = 302 // incompatible transport protocol
	warnNoMedia     = 304 // media type not available
	warnFormat      = 305 // incompatible media format
	warnMulticast   = 330 // multicast not available
	warnOther       = 399
)

// Refusal is why a description cannot be taken. As answer to an offer it names
// the SIP response; for an answer it is the reason to end the session.
type Refusal struct {
	Code    int    // 400 broken, 488 not acceptable here
	Warning int    // RFC 3261 section 20.43, 300-399; 0 for none
	Why     string // plain words with the value, fit for the Warning's text
}

func (r *Refusal) Error() string { return "negotiate sdp: " + r.Why }

// WarningHeader is the value of a Warning header; agent is the host that says
// it. Empty where there is no warning code.
func (r *Refusal) WarningHeader(agent string) string {
	if r.Warning == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s \"%s\"", r.Warning, agent, quotable(r.Why))
}

// quotable makes text fit for a SIP quoted string.
func quotable(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"' || c == '\\':
			return '\''
		case c < 0x20 || c == 0x7f:
			return ' '
		}
		return c
	}, text)
}

func broken(format string, args ...any) *Refusal {
	return &Refusal{Code: 400, Warning: warnOther, Why: fmt.Sprintf(format, args...)}
}

func unacceptable(warning int, format string, args ...any) *Refusal {
	return &Refusal{Code: 488, Warning: warning, Why: fmt.Sprintf(format, args...)}
}

// short keeps a peer's text short enough for a header.
func short(text string) string {
	if len(text) > 64 {
		return text[:64] + "..."
	}
	return text
}
