package sip

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"ringback/sip/message"
)

type (
	// URI is a SIP, SIPS, tel or other URI as it stands in a message.
	URI = message.URI
	// Address is a display name, a URI and the header parameters behind it.
	Address = message.Address
	// Header is one header field: its name and its raw value.
	Header = message.Header
)

// Secret is a text that never shows itself: every way to print it gives ***.
// Convert it to string where its value is needed.
type Secret string

const masked = "***"

// String returns the mask.
func (Secret) String() string { return masked }

// GoString returns the mask, so that %#v shows nothing.
func (Secret) GoString() string { return masked }

// Format writes the mask whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// MarshalJSON writes the mask.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalText writes the mask (YAML, TOML, flags).
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue logs the mask.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// What an account does with a 3xx answer to its INVITE.
const (
	// Ask tells the handler by Redirected; it may call Session.Follow.
	Ask = "ask"
	// Follow tries the contacts by itself: each once, five at most.
	Follow = "follow"
	// Refuse ends the call as rejected.
	Refuse = "refuse"
)

// Auto is the transport of an account that leaves it to the DNS (RFC 3263 4.1): the first
// of its NAPTR records, else the first of UDP, TCP and TLS that has SRV records, else UDP.
const Auto = "auto"

// Account is an identity at a PBX. It is not changed once it was handed to a UA.
type Account struct {
	AOR        URI    // the address of record, sip:1001@pbx.example.com
	Display    string // the name shown to others, UTF-8; may be empty
	Username   string // for digest; empty: the AOR's user
	Password   Secret
	Registrar  URI           // zero: the AOR's host
	Proxy      *URI          // outbound proxy; nil: none. Used as a loose route
	Transport  string        // udp, tcp, tls, ws, wss or Auto; empty: udp
	Expires    time.Duration // asked registration life; zero: 300 s
	Algorithms []string      // allowed digest algorithms, strongest first; empty: SHA-512-256, SHA-256, MD5
	Realms     []string      // realms that may be answered; empty: pinned to what the registrar names
	Keepalive  time.Duration // between keepalives on the registered flow; zero: the default
	InstanceID string        // urn:uuid:..., RFC 5626 4.1; empty: none sent
	Served     Served        // who took its REGISTER in an earlier life, for when the DNS fails; zero: nobody is known

	Accept3xx      string        // Ask (also empty), Follow or Refuse
	AcceptRefer    string        // Ask (also empty): ReferReceived is raised; Refuse: 603
	AcceptReplaces string        // Follow (also empty): INVITE with Replaces from the dialog's peer is offered to the handler; Refuse: 403
	SessionExpires time.Duration // RFC 4028 interval that we ask for; zero: 1800 s
	MinSE          time.Duration // the least that we take; zero: 90 s
	Reliable       bool          // ask for reliable provisional responses (RFC 3262) where the peer supports them
}

// user is the name that digest proves.
func (a *Account) user() string {
	if a.Username != "" {
		return a.Username
	}
	return a.AOR.User
}

func (a *Account) minSE() time.Duration { return max(a.MinSE, leastSE) }

func (a *Account) sessionExpires() time.Duration {
	if a.SessionExpires == 0 {
		return defaultSE
	}
	return max(a.SessionExpires, a.minSE())
}

// Validate names the field, the value and the remedy of what cannot work.
func (a *Account) Validate() error {
	switch {
	case a == nil:
		return errors.New("use account: none was given")
	case a.AOR.Host == "":
		return fmt.Errorf("use account: aor %q has no host; write it like sip:1001@pbx.example.com", a.AOR.String())
	case !oneOf(strings.ToLower(a.Transport), "", "udp", "tcp", "tls", "ws", "wss", Auto):
		return fmt.Errorf("use account %s: transport %q is not known; use udp, tcp, tls, ws, wss or auto", a.AOR.String(), a.Transport)
	case !oneOf(a.Accept3xx, "", Ask, Follow, Refuse):
		return fmt.Errorf("use account %s: 3xx policy %q is not known; use ask, follow or refuse", a.AOR.String(), a.Accept3xx)
	case !oneOf(a.AcceptRefer, "", Ask, Refuse):
		return fmt.Errorf("use account %s: REFER policy %q is not known; use ask or refuse", a.AOR.String(), a.AcceptRefer)
	case !oneOf(a.AcceptReplaces, "", Follow, Refuse):
		return fmt.Errorf("use account %s: Replaces policy %q is not known; use follow or refuse", a.AOR.String(), a.AcceptReplaces)
	case message.CheckValue("From", a.Display) != nil:
		return fmt.Errorf("use account %s: the display name %q has control characters; remove them", a.AOR.String(), a.Display)
	}
	return nil
}

func oneOf(s string, set ...string) bool {
	for _, x := range set {
		if s == x {
			return true
		}
	}
	return false
}
