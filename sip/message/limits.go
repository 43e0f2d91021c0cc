package message

// The limits of what is admitted (robustness.md 1).
const (
	MaxMessage     = 65535 // bytes of a whole message
	MaxHeaderBytes = 32768 // bytes of start line and headers
	MaxHeaders     = 200   // header lines
	MaxVias        = 70    // hops
	MaxParams      = 64    // parameters of one element or URI
	MaxElements    = 256   // comma-separated elements of one line
)
