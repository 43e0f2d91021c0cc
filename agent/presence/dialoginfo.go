package presence

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrGap says that partial documents were missed: ask for a full one.
var ErrGap = errors.New("read dialog-info: a document was missed; ask for the whole state")

// maxDialogs bounds the dialogs of one colleague.
const maxDialogs = 100

// Dialogs are the dialogs of one colleague as one notifier tells them. The zero
// value knows nothing yet.
type Dialogs struct {
	told    bool
	version uint64
	open    map[string]call // by the dialog's id
}

// call is one dialog that is not over.
type call struct {
	state State // Busy or Ringing; Unknown: the document does not say, or in a word that nobody knows
	held  bool
}

// Read takes the next document. ErrGap when partial ones are missing; any other
// error is of the document. What was known stays as it was.
func (d *Dialogs) Read(body []byte) error {
	root, err := parse(body, "dialog-info")
	if err != nil {
		return fmt.Errorf("read dialog-info: %w", err)
	}
	version, err := strconv.ParseUint(root.attrs["version"], 10, 64)
	if err != nil {
		return fmt.Errorf("read dialog-info: its version %q is no number", line(root.attrs["version"]))
	}
	next := map[string]call{}
	switch root.attrs["state"] {
	case "full":
	case "partial":
		if d.told && version <= d.version {
			return nil // RFC 4235 4.3: it is old
		}
		if !d.told || version != d.version+1 {
			return ErrGap
		}
		for id, c := range d.open {
			next[id] = c
		}
	default:
		return fmt.Errorf("read dialog-info: its state %q is neither full nor partial", line(root.attrs["state"]))
	}
	for _, e := range root.all("dialog") {
		if c, open := readDialog(e); open {
			next[e.attrs["id"]] = c
		} else {
			delete(next, e.attrs["id"])
		}
	}
	if len(next) > maxDialogs {
		return fmt.Errorf("read dialog-info: %d dialogs, over %d", len(next), maxDialogs)
	}
	d.told, d.version, d.open = true, version, next
	return nil
}

// readDialog is one dialog (RFC 4235 3.7.1); open is false when it is over.
func readDialog(e *element) (c call, open bool) {
	state := ""
	for _, s := range e.all("state") {
		state = strings.ToLower(s.text)
	}
	caller := strings.EqualFold(e.attrs["direction"], "initiator")
	switch state {
	case "confirmed":
		return call{state: Busy, held: silent(e)}, true
	case "proceeding", "early":
		if caller {
			return call{state: Busy}, true // he calls somebody
		}
		return call{state: Ringing}, true
	case "trying":
		if strings.EqualFold(e.attrs["direction"], "recipient") {
			return call{state: Ringing}, true
		}
		return call{state: Busy}, true
	case "terminated":
		return call{}, false
	}
	return call{state: Unknown}, true
}

// silent reports whether he renders no media: the call is on hold (RFC 4235 4.1.6,
// RFC 3840's +sip.rendering).
func silent(e *element) bool {
	for _, local := range e.all("local") {
		for _, p := range local.within("param") {
			if p.attrs["pname"] == "+sip.rendering" && p.attrs["pval"] == "no" {
				return true
			}
		}
	}
	return false
}

// Presence is what the dialogs come to.
func (d *Dialogs) Presence() Presence {
	if !d.told {
		return Presence{State: Unknown}
	}
	best, held, known := Presence{State: Idle}, true, true
	for _, c := range d.open {
		best = Merge(best, Presence{State: c.state})
		held = held && (c.held || c.state != Busy)
		known = known && c.state != Unknown
	}
	if best.State == Idle && !known {
		best.State = Unknown
	}
	if best.State == Busy && held {
		best.Note = "on hold"
	}
	return best
}
