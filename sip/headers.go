package sip

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ringback/sip/message"
)

const typeSDP = "application/sdp"

// knownOptions are the option tags that we understand (RFC 3261 20.37).
const knownOptions = "100rel, timer, replaces, norefersub, nosub"

// addHeaders appends headers of the handler's.
func addHeaders(msg message.Message, headers []Header) error {
	for _, h := range headers {
		if err := addHeader(msg, h); err != nil {
			return err
		}
	}
	return nil
}

// checkHeaders says what addHeaders would.
func checkHeaders(headers []Header) error {
	for _, h := range headers {
		if err := checkHeader(message.CanonicalName(h.Name), h.Value); err != nil {
			return err
		}
	}
	return nil
}

// addHeader appends a header of the handler's, checked: nothing may smuggle a line
// in (CWE-93). Headers that the stack owns are refused.
func addHeader(msg message.Message, h Header) error {
	name := message.CanonicalName(h.Name)
	if err := checkHeader(name, h.Value); err != nil {
		return err
	}
	message.Add(msg, name, h.Value)
	return nil
}

func checkHeader(name, value string) error {
	if oneOf(name, "Via", "From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards", "Contact", "Route", "Record-Route") {
		return fmt.Errorf("add header %s: the stack writes it itself; leave it out", name)
	}
	if err := message.CheckValue(name, value); err != nil {
		return fmt.Errorf("add header: %w", err)
	}
	return nil
}

// seqOf is the CSeq number; 0 when it cannot be read.
func seqOf(msg message.Message) uint32 {
	c, _ := message.CSeqOf(msg)
	return c.Seq
}

// contactOf is the one Contact that a dialog needs.
func contactOf(msg message.Message) (URI, bool) {
	list, _, err := message.Contacts(msg)
	if err != nil || len(list) == 0 || !list[0].URI.IsSIP() {
		return URI{}, false
	}
	return list[0].URI, true
}

// contactIn is contactOf a message whose first Contact has a text, and that text. Neither
// holds the message, and both are those of the last time where nothing else was said: a PBX
// has one Contact for all of its calls.
func (u *UA) contactIn(msg message.Message, text string) (URI, string, bool) {
	lines := 0
	message.EachValue(msg, "Contact", func(string) { lines++ })
	if last := &u.last; lines == 1 && text != "" && last.contact == text {
		return last.target, last.contact, true
	}
	if lines != 1 {
		if _, ok := contactOf(msg); !ok {
			return URI{}, "", false
		}
	}
	text = strings.Clone(text)
	list, err := message.ParseAddressList(text)
	if err != nil || len(list) == 0 || !list[0].URI.IsSIP() {
		return URI{}, "", false
	}
	if lines == 1 {
		u.last.contact, u.last.target = text, list[0].URI
	}
	return list[0].URI, text, true
}

// recordRoutes are the Record-Route entries in their order, without display names, and
// without a hold on the message. What cannot be read is left out whole: a broken route set
// leads nowhere.
func recordRoutes(msg message.Message) (all []Address) {
	var bad error
	message.EachValue(msg, "Record-Route", func(v string) {
		list, err := message.ParseAddressList(strings.Clone(v))
		bad, all = cmp.Or(bad, err), append(all, list...)
	})
	if bad != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(a Address) bool { return !a.URI.IsSIP() })
}

func reversed(list []Address) []Address {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

func isLoose(u URI) bool { return u.Params.Has("lr") }

// methodsOf are the methods of a message's Allow headers; false where it has none.
func methodsOf(msg message.Message) (methodSet, bool) {
	all, n := "", 0
	message.EachValue(msg, "Allow", func(v string) { all, n = v, n+1 })
	if n > 1 {
		all = strings.Join(message.Values(msg, "Allow"), ",")
	}
	return methodSet(cmp.Or(all, ",")), n > 0 // nothing is allowed, which is not the same as nothing said
}

func requires(msg message.Message, option string) bool {
	return message.HasToken(msg, "Require", option)
}

func supports(msg message.Message, option string) bool {
	return message.HasToken(msg, "Supported", option) || requires(msg, option)
}

// contentType is the bare media type of a body, lower case.
func contentType(value string) string {
	bare, _, _ := strings.Cut(value, ";")
	return strings.ToLower(strings.TrimSpace(bare))
}

// partsOf are the parts of a body: itself, or those of a multipart.
func partsOf(msg message.Message) []message.Part {
	parts, _ := message.Parts(msg) // nil with an error
	return parts
}

// sdpOf is the session description of a message; nil when it has none.
func sdpOf(msg message.Message) []byte { return sdpIn(partsOf(msg)) }

func sdpIn(parts []message.Part) []byte {
	for _, p := range parts {
		if p.ContentType == typeSDP && len(p.Body) > 0 {
			return p.Body
		}
	}
	return nil
}

// reasonHeaders is a Reason header, or none.
func reasonHeaders(r ReasonHeader) []Header {
	if r.Protocol == "" {
		return nil
	}
	return []Header{{Name: "Reason", Value: r.String()}}
}

// reasonOf reads the first element of Reason header; the zero value when there is none.
func reasonOf(msg message.Message) ReasonHeader {
	if list := message.Reasons(msg); len(list) > 0 {
		return list[0]
	}
	return ReasonHeader{}
}
