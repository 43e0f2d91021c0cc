package agent

import "context"

// Counters are those of the phone's user agent (sip.UA.Counters): what was refused
// and dropped, by cause, and what is open. Any goroutine; the error is ctx's, or
// says that the phone does not run.
func (a *Agent) Counters(ctx context.Context) (map[string]uint64, error) {
	var all map[string]uint64
	err := a.loop.Do(ctx, func() {
		if a.ua != nil {
			all = a.ua.Counters()
		}
	})
	if err != nil { // the loop may fill it still
		return nil, err
	}
	return all, nil
}
