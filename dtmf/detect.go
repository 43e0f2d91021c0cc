package dtmf

// Detector hears DTMF digits in samples (ITU-T Q.24). Not safe for concurrent
// use.
type Detector struct{ rate int }

// NewDetector returns a detector for samples at rate per second (8000 to 48000).
func NewDetector(rate int) *Detector { return &Detector{rate: rate} }

// Write takes any number of samples and appends what they reveal to dst.
func (d *Detector) Write(dst []Heard, samples []int16) []Heard { return dst }
