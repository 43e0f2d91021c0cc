package agent

import "context"

// Level is how loud a call is over the last 200 ms, in dBFS, -96 for silence: what
// comes from the far end, and what goes there.
type Level struct {
	Call    CallID
	In, Out float64
}

// Levels is how loud each call with media is now. It fails when the agent has ended.
// Any goroutine but the agent's own.
func (a *Agent) Levels(ctx context.Context) ([]Level, error) {
	var all []Level
	err := a.loop.Do(ctx, func() {
		for _, in := range a.interactions {
			for _, l := range in.legs {
				if l.media != nil {
					s := l.media.Stats()
					all = append(all, Level{Call: l.id, In: s.RxLevel, Out: s.TxLevel})
				}
			}
		}
	})
	if err != nil { // the loop may fill it still
		return nil, err
	}
	return all, nil
}
