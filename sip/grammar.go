package sip

import "ringback/sip/message"

// ParseURI reads one URI without angle brackets (RFC 3261 19.1.1).
func ParseURI(s string) (URI, error) { return message.ParseURI(s) }

// ParseAddress reads one name-addr or addr-spec with its header parameters.
func ParseAddress(s string) (Address, error) { return message.ParseAddress(s) }

// DecodeText makes readable text of a header value that may be RFC 2047,
// percent-encoded UTF-8, raw UTF-8 or Latin-1. It may hold control characters.
func DecodeText(s string) string { return message.DecodeText(s) }
