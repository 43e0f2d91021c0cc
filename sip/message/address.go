package message

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Address is a name-addr or addr-spec with its header parameters.
type Address struct {
	Display string // without quotes and escapes; "" when there is none
	URI     URI
	Params  Params // header parameters, such as tag
}

// ParseAddress reads one address: From, To, Contact, Route, P-Asserted-Identity
// and the like. Without <> everything behind the first ; belongs to the header,
// and a ? or a comma in the URI is refused (RFC 3261 20). Blanks inside <>, an
// unclosed < or quote, and text behind the parameters are errors.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(trimBlanks(s))
	if err != nil {
		return Address{}, fmt.Errorf("read address %q: %w", clip(s), err)
	}
	return a, nil
}

func parseAddress(s string) (Address, error) {
	a, params, err := cutAddress(s)
	if err == nil {
		a.Params, err = ParseParams(params)
	}
	return a, err
}

// checkAddress says what ParseAddress would, and keeps nothing.
func checkAddress(s string) error {
	_, params, err := cutAddress(trimBlanks(s))
	if err == nil {
		err = checkParams(params)
	}
	if err != nil {
		return fmt.Errorf("read address %q: %w", clip(s), err)
	}
	return nil
}

// cutAddress reads an address up to its parameters.
func cutAddress(s string) (a Address, params string, err error) {
	display, rest, bracketed, err := cutDisplay(s)
	if err != nil {
		return Address{}, "", err
	}
	a.Display = display
	var uri string
	if bracketed {
		end := strings.IndexByte(rest, '>')
		if end < 0 {
			return a, "", errUnclosedAngle
		}
		uri, rest = rest[:end], rest[end+1:]
	} else {
		end := strings.IndexAny(rest, "; \t")
		if end < 0 {
			end = len(rest)
		}
		uri, rest = rest[:end], rest[end:]
		if strings.ContainsAny(uri, ",?") {
			return a, "", errors.New("a uri with comma or ? needs <>")
		}
	}
	a.URI, err = parseURI(uri)
	return a, rest, err
}

// cutDisplay cuts the display name off and says whether a < followed it.
func cutDisplay(s string) (display, rest string, bracketed bool, err error) {
	if s == "" {
		return "", "", false, errors.New("empty")
	}
	if s[0] == '"' {
		end, err := quotedEnd(s, 0)
		if err != nil {
			return "", "", false, err
		}
		rest = strings.TrimLeft(s[end:], " \t")
		if !strings.HasPrefix(rest, "<") {
			return "", "", false, errors.New("no < behind the display name")
		}
		return unquote(s[:end]), rest[1:], true, nil
	}
	open := indexEither(s, '<', ';')
	if open < 0 || s[open] == ';' {
		return "", s, false, nil
	}
	display = trimBlanks(s[:open])
	if display != "" && strings.ContainsAny(display, `",:\>`) {
		return "", "", false, errors.New("display name needs quotes")
	}
	return display, s[open+1:], true, nil
}

// ParseAddressList reads a comma-separated list of addresses.
func ParseAddressList(s string) ([]Address, error) {
	var out []Address
	var bad error
	err := eachTop(s, ',', func(part string) {
		a, err := ParseAddress(part)
		if bad = cmp.Or(bad, err); bad == nil {
			out = append(out, a)
		}
	})
	if err = listError(s, err, bad); err != nil {
		return nil, err
	}
	return out, nil
}

// checkAddressList says what ParseAddressList would, and keeps nothing.
func checkAddressList(s string) error {
	var bad error
	err := eachTop(s, ',', func(part string) {
		if bad == nil {
			bad = checkAddress(part)
		}
	})
	return listError(s, err, bad)
}

// listError is what is wrong with a list: with itself, else with an address in it.
func listError(s string, err, bad error) error {
	if err != nil {
		return fmt.Errorf("read address list %q: %w", clip(s), err)
	}
	return bad
}

// String writes the address with <>, the display name quoted.
func (a Address) String() string {
	var room [textRoom]byte
	return string(a.appendTo(room[:0]))
}

// Tagged is String of an address that has no tag yet, with one; empty: none.
func (a Address) Tagged(tag string) string {
	if tag == "" {
		return a.String()
	}
	var room [textRoom]byte
	return string(append(append(a.appendTo(room[:0]), ";tag="...), tag...))
}

func (a Address) appendTo(b []byte) []byte {
	if a.Display != "" {
		b = append(append(b, Quote(a.Display)...), ' ')
	}
	b = append(a.URI.appendTo(append(b, '<')), '>')
	return a.Params.appendTo(b)
}

// Tag is the tag parameter, or "".
func (a Address) Tag() string { return a.Params.Value("tag") }

// WithTag returns the address with another tag; "" takes it away.
func (a Address) WithTag(tag string) Address {
	if tag == "" {
		a.Params = a.Params.Without("tag")
	} else {
		a.Params = a.Params.With("tag", tag)
	}
	return a
}

// From reads the From header.
func From(m Message) (Address, error) { return addressOf(m, "From") }

// To reads the To header.
func To(m Message) (Address, error) { return addressOf(m, "To") }

func addressOf(m Message, name string) (Address, error) {
	v := Value(m, name)
	if v == "" {
		return Address{}, fmt.Errorf("read %s: %w", name, ErrNoHeader)
	}
	return ParseAddress(v)
}

// FromTag is the tag of the From header, or "".
func FromTag(m Message) string { return tagOf(Value(m, "From")) }

// ToTag is the tag of the To header, or "".
func ToTag(m Message) string { return tagOf(Value(m, "To")) }

// tagOf reads the tag of an address alone, without keeping the rest; "" also where the
// parameters cannot be read.
func tagOf(s string) string {
	_, rest, bracketed, err := cutDisplay(trimBlanks(s))
	if err != nil {
		return ""
	}
	end := strings.IndexByte(rest, '>') + 1
	if !bracketed {
		if end = strings.IndexAny(rest, "; \t"); end < 0 {
			return ""
		}
	} else if end == 0 {
		return ""
	}
	return paramOf(rest[end:], "tag")
}

// Addresses reads all addresses of all lines with that name, in order: Route,
// Record-Route, Path, Service-Route, P-Asserted-Identity. None is no error.
func Addresses(m Message, name string) ([]Address, error) {
	var out []Address
	var bad error
	EachValue(m, name, func(v string) {
		list, err := ParseAddressList(v)
		if bad = cmp.Or(bad, err); out == nil {
			out = list
		} else {
			out = append(out, list...)
		}
	})
	if bad != nil {
		return nil, fmt.Errorf("read %s: %w", name, bad)
	}
	return out, nil
}

// Contacts reads all Contacts in order; star says that the one is "*", as in a
// REGISTER that removes all bindings. None is no error.
func Contacts(m Message) (list []Address, star bool, err error) {
	n := 0
	EachValue(m, "Contact", func(v string) { n, star = n+1, star || v == "*" })
	switch {
	case star && n > 1:
		return nil, false, errors.New("read Contact: * beside other contacts")
	case star:
		return nil, true, nil
	}
	list, err = Addresses(m, "Contact")
	return list, false, err
}
