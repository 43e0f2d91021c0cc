package verdict

import (
	"errors"

	"ringback/sip"
)

// OfCall is the verdict of a call that ended because something stood between us and
// the far end; false when the far end or the user wanted it so.
func OfCall(cause sip.Cause, c Case) (Finding, bool) {
	if cause.Err == nil {
		return Finding{}, false
	}
	for _, row := range []struct {
		is error
		id ID
	}{{sip.ErrNoCall, CallForgotten}, {sip.ErrTimeout, CallSilent}, {sip.ErrMoved, CallMoved}, {sip.ErrUnconfirmed, CallUnconfirmed},
		{sip.ErrUnrefreshed, CallUnrefreshed}} {
		if errors.Is(cause.Err, row.is) {
			return row.id.Say(c.facts()...), true
		}
	}
	if f, ok := OfError(cause.Err, c); ok {
		return f, true
	}
	return NetUnreachable.Say(c.facts("error", last(cause.Err))...), true
}
