package sdp

import "fmt"

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
	return fmt.Sprintf("%d %s %q", r.Warning, agent, r.Why)
}
