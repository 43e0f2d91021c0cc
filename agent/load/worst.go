package load

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"ringback/sip"
)

// How many calls are kept of each kind.
const (
	worstSlow    = 5 // to be answered
	worstHeard   = 5 // by their MOS
	worstOfCause = 2 // the first of each cause
	worstCauses  = 10
)

// BadCall is one of the worst calls, and what is bad about it.
type BadCall struct {
	Why string
	CallResult
}

// rawBad is a BadCall in a file.
type rawBad struct {
	Why string `json:"why"`
	CallResult
	Messages []sip.TraceRecord `json:"messages,omitempty"`
	More     int               `json:"messages_missing,omitempty"`
}

// MarshalJSON implements json.Marshaler: with the messages. Once Run has returned.
func (b BadCall) MarshalJSON() ([]byte, error) {
	return json.Marshal(rawBad{b.Why, b.CallResult, b.Messages(), b.Missing()})
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *BadCall) UnmarshalJSON(text []byte) error {
	var raw rawBad
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	*b = BadCall{raw.Why, raw.CallResult}
	if raw.Messages != nil || raw.More > 0 {
		b.ladder = &callLadder{raw.Messages, raw.More}
	}
	return nil
}

// worstOf are the worst of what several generators had as theirs.
func worstOf(all []BadCall) []BadCall {
	var w Worst
	for _, b := range slices.SortedStableFunc(slices.Values(all), func(a, b BadCall) int { return a.Due.Compare(b.Due) }) {
		w.Add(b.CallResult)
	}
	return w.Calls()
}

// Worst keeps the worst calls of a run: the slowest, those heard worst, and the first
// of each cause of failure. The zero value is empty; any goroutine.
type Worst struct {
	mu     sync.Mutex
	slow   []CallResult
	heard  []CallResult
	failed map[string][]CallResult
}

// Add looks at a call.
func (w *Worst) Add(r CallResult) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Outcome == CallFailed || r.Outcome == CallDropped {
		if w.failed == nil {
			w.failed = map[string][]CallResult{}
		}
		key := r.Outcome + ": " + r.Cause
		if same := w.failed[key]; len(same) < worstOfCause && (same != nil || len(w.failed) < worstCauses) {
			w.failed[key] = append(same, r)
		}
	}
	if r.AnswerMS != nil && !r.Inbound { // we let those ring ourselves
		w.slow = insert(w.slow, r, worstSlow, func(a, b CallResult) bool { return *a.AnswerMS > *b.AnswerMS })
	}
	if r.Media != nil {
		w.heard = insert(w.heard, r, worstHeard, func(a, b CallResult) bool { return a.Media.MOS < b.Media.MOS })
	}
}

// insert puts r among the worst, of which most are kept.
func insert(all []CallResult, r CallResult, most int, worse func(a, b CallResult) bool) []CallResult {
	at := len(all)
	for at > 0 && worse(r, all[at-1]) {
		at--
	}
	if at == most {
		return all
	}
	all = slices.Insert(all, at, r)
	return all[:min(most, len(all))]
}

// Calls are the worst, each once.
func (w *Worst) Calls() []BadCall {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []BadCall
	add := func(why string, calls []CallResult) {
		for _, r := range calls {
			known := func(b BadCall) bool { return b.SIPCallID == r.SIPCallID && b.Due.Equal(r.Due) }
			if !slices.ContainsFunc(all, known) {
				all = append(all, BadCall{why, r})
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.failed)) {
		add(key, w.failed[key])
	}
	add("slow answer", w.slow)
	add("heard worst", w.heard)
	return all
}
