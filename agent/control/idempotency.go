package control

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// Idempotency-Key: a client that lost the answer asks again with the same key,
// and gets the first answer without anything being done twice.
const (
	maxRepeats   = 512
	repeatTime   = 10 * time.Minute
	maxRepeatKey = 200 // bytes
)

// answer is what an action ended with on the wire.
type answer struct {
	status int
	text   []byte
}

// attempt is one key's first request, under way or done.
type attempt struct {
	key    string
	what   [sha256.Size]byte // the action and its arguments
	at     time.Time
	done   chan struct{} // closed when result is set
	result answer
}

// repeats remembers the answers of the last keys. It is bounded by number and
// by time; an attempt under way is never forgotten.
type repeats struct {
	mu    sync.Mutex
	byKey map[string]*list.Element
	order *list.List // of *attempt, oldest first
}

func newRepeats() *repeats {
	return &repeats{byKey: map[string]*list.Element{}, order: list.New()}
}

// begin is the attempt of key, and whether the caller is the first and has to
// finish it. same is false when the key was used for something else.
func (r *repeats) begin(key, name string, args []byte, now time.Time) (a *attempt, first, same bool) {
	what := sha256.Sum256(append([]byte(name+"\x00"), args...))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	if e, found := r.byKey[key]; found {
		a := e.Value.(*attempt)
		return a, false, a.what == what
	}
	a = &attempt{key: key, what: what, at: now, done: make(chan struct{})}
	r.byKey[key] = r.order.PushBack(a)
	return a, true, true
}

// finish gives everyone who waits the answer.
func (r *repeats) finish(a *attempt, result answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.result = result
	close(a.done)
}

func (r *repeats) forget(now time.Time) {
	for e := r.order.Front(); e != nil; {
		next, a := e.Next(), e.Value.(*attempt)
		if r.order.Len() < maxRepeats && now.Sub(a.at) < repeatTime {
			return
		}
		select {
		case <-a.done:
			r.order.Remove(e)
			delete(r.byKey, a.key)
		default:
		}
		e = next
	}
}
