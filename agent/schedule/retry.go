package schedule

import "time"

// Retry spaces automatic retries of a contact that was not reached.
type Retry struct {
	Max      int                      // retries of one callback at most; 0: none
	Spacings map[string]time.Duration // by call result; a result that is not here is not retried
}

// After is how long to wait after the call result of the attempt that follows
// retries earlier retries: the result's spacing, twice as long each time. ok is false
// when it is not retried any more.
func (r Retry) After(result string, retries int) (wait time.Duration, ok bool) {
	spacing, known := r.Spacings[result]
	if !known || spacing <= 0 || retries >= r.Max {
		return 0, false
	}
	return spacing << min(retries, 10), true
}
