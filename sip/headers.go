package sip

import (
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

// addHeader appends a header of the handler's, checked: nothing may smuggle a line
// in (CWE-93). Headers that the stack owns are refused.
func addHeader(msg message.Message, h Header) error {
	name := message.CanonicalName(h.Name)
	if oneOf(name, "Via", "From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards", "Contact", "Route", "Record-Route") {
		return fmt.Errorf("add header %s: the stack writes it itself; leave it out", name)
	}
	if err := message.CheckValue(name, h.Value); err != nil {
		return fmt.Errorf("add header: %w", err)
	}
	message.Add(msg, name, h.Value)
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

// recordRoutes are the Record-Route entries in their order, without display names.
// What cannot be read is left out whole: a broken route set leads nowhere.
func recordRoutes(msg message.Message) []Address {
	list, err := message.Addresses(msg, "Record-Route")
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(list, func(a Address) bool { return !a.URI.IsSIP() })
}

func reversed(list []Address) []Address {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

func isLoose(u URI) bool { return u.Params.Has("lr") }

// methodsOf reads an Allow header's elements.
func methodsOf(msg message.Message) methodSet {
	out := methodSet{}
	for _, m := range message.Elements(msg, "Allow") {
		out[m] = true
	}
	return out
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
	if len(msg.Body()) == 0 {
		return nil
	}
	parts, err := message.Parts(msg)
	if err != nil {
		return nil
	}
	return parts
}

// sdpOf is the session description of a message; nil when it has none.
func sdpOf(msg message.Message) []byte {
	for _, p := range partsOf(msg) {
		if contentType(p.ContentType) == typeSDP && len(p.Body) > 0 {
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
