package agent

import (
	"fmt"
	"strings"

	"ringback/sip"
)

// parseTarget makes a SIP address of what a person typed: an extension or an
// E.164 number at the domain, user@host, a tel: URI, or a SIP URI as it is.
// With an empty domain only a whole SIP URI is taken.
func parseTarget(text, domain string) (sip.URI, error) {
	text = strings.TrimSpace(text)
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return sip.URI{}, fmt.Errorf("read target: it is empty")
	case strings.HasPrefix(lower, "sip:"), strings.HasPrefix(lower, "sips:"):
		uri, err := sip.ParseURI(text)
		if err != nil {
			return sip.URI{}, fmt.Errorf("read target %q: %w", text, err)
		}
		uri.Headers = nil
		return uri, nil
	case domain == "":
		return sip.URI{}, fmt.Errorf("read target %q: write it like sip:1001@pbx.example.com", text)
	case strings.HasPrefix(lower, "tel:"):
		text, _, _ = strings.Cut(text[4:], ";")
	case strings.Contains(text, "@"):
		return parseTarget("sip:"+text, domain)
	}
	user := dialable(text)
	if user == "" || strings.ContainsAny(user, " \t\r\n\"<>:/?;,@[]\\^`{|}%") {
		return sip.URI{}, fmt.Errorf("read target %q: use an extension, an E.164 number, or a SIP URI", text)
	}
	uri, err := sip.ParseURI("sip:" + strings.ReplaceAll(user, "#", "%23") + "@" + domain) // RFC 3261 25.1: # is no user character
	if err != nil {
		return sip.URI{}, fmt.Errorf("read target %q: %w", text, err)
	}
	return uri, nil
}

// dialable drops the blanks and signs with which people write numbers.
func dialable(text string) string {
	number := strings.TrimPrefix(text, "+")
	if strings.Trim(number, "0123456789 ()-./\u00a0") != "" || strings.Trim(number, " ()-./") == "" {
		return text
	}
	number = strings.NewReplacer(" ", "", "(", "", ")", "", "-", "", ".", "", "/", "", "\u00a0", "").Replace(number)
	if strings.HasPrefix(text, "+") {
		return "+" + number
	}
	return number
}

// target reads the target of an action at our PBX.
func (a *Agent) target(text string) (sip.URI, *ActionError) {
	uri, err := parseTarget(text, a.domain)
	if err != nil {
		return uri, refuse(CodeInvalid, "%v", err)
	}
	if uri.Host == "" || uri.User == "" && uri.HostPort() == a.domain {
		return uri, refuse(CodeInvalid, "target %q names nobody", text).hint("use an extension, an E.164 number, or a SIP URI")
	}
	if uri.User == a.account.AOR.User && strings.EqualFold(uri.Host, a.account.AOR.Host) {
		return uri, refuse(CodeInvalid, "target %q is this phone itself", text)
	}
	return uri, a.blocked(numberOf(uri))
}

// e164 is a number as it is compared with others: E.164, or as it is dialled when it
// is an extension.
func (a *Agent) e164(number string) string {
	if e164 := a.numbers.E164(number); e164 != "" {
		return e164
	}
	return dialable(number)
}

// numberOf is what a person would dial to reach an address.
func numberOf(uri sip.URI) string {
	if uri.Scheme == "tel" {
		number, _, _ := strings.Cut(uri.Opaque, ";")
		return number
	}
	if uri.User == "" {
		return uri.Host
	}
	return uri.UserText()
}
