package dtmf

import "time"

// Content types of digits in SIP INFO.
const (
	TypeRelay = "application/dtmf-relay"
	TypeDTMF  = "application/dtmf"
)

// InfoError is why an INFO carries no digit, with the SIP code to answer.
type InfoError struct {
	Code int // 415 or 400
	Why  string
}

func (e *InfoError) Error() string { return "read dtmf info: " + e.Why }

// Info is one digit of a SIP INFO body.
type Info struct {
	Digit    Digit
	Duration time.Duration // 0 where the body has none
}

// ParseInfo reads a body of either content type (parameters of the type and
// case are ignored). Errors are *InfoError.
func ParseInfo(contentType string, body []byte) (Info, error) { return Info{}, nil }

// FormatInfo writes the body of an INFO of the content type (TypeRelay or
// TypeDTMF) for one digit.
func FormatInfo(contentType string, i Info) ([]byte, error) { return nil, nil }
