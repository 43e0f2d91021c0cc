package transaction

import "fmt"

// state is one circle of the figures of RFC 3261 17 (with RFC 6026). Not every
// machine has every state.
type state uint8

const (
	calling    state = iota + 1 // INVITE client: sent, nothing heard
	trying                      // other client: sent, nothing heard; other server: nothing answered
	proceeding                  // a 1xx came or went
	accepted                    // a 2xx of an INVITE came or went (RFC 6026)
	completed                   // another final came or went
	confirmed                   // INVITE server: the ACK of a non-2xx came
	terminated
)

var stateNames = [...]string{calling: "calling", trying: "trying", proceeding: "proceeding", accepted: "accepted",
	completed: "completed", confirmed: "confirmed", terminated: "terminated"}

func (s state) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// event is what can happen to a transaction.
type event uint8

const (
	evRequest     event = iota + 1 // server: the request came again
	evAck                          // INVITE server: an ACK
	evCancel                       // server: a CANCEL matched; client: the user wants to cancel
	ev1xx                          // a provisional response: came (client) or is to be sent (server)
	ev2xx                          // a 2xx, likewise; in the tables of other methods than INVITE any final
	ev3456                         // a 300 to 699 of an INVITE, likewise
	evTransport                    // the message could not be delivered, or its connection ended
	evResend                       // timers A, E, G
	evTimeout                      // timers B, F, H: the other side is silent
	evEnd                          // timers D, I, J, K, L, M: the wait for repetitions is over
	evCancelLimit                  // INVITE client: 64*T1 after the CANCEL (9.1)
	evTrying                       // INVITE server: 200 ms without an answer of the user's
)

var eventNames = [...]string{evRequest: "request", evAck: "ack", evCancel: "cancel", ev1xx: "1xx", ev2xx: "2xx",
	ev3456: "3456", evTransport: "transport", evResend: "resend", evTimeout: "timeout", evEnd: "end",
	evCancelLimit: "cancel-limit", evTrying: "trying"}

func (e event) String() string {
	if int(e) < len(eventNames) && eventNames[e] != "" {
		return eventNames[e]
	}
	return fmt.Sprintf("event(%d)", uint8(e))
}

// action is what a row asks the transaction to do, in the row's order.
type action uint8

const (
	doDeliver       action = iota + 1 // client: hand the response to the user
	doAck                             // INVITE client: send (again) the ACK of a non-2xx (17.1.1.3)
	doResend                          // send the request, or the last response, again
	doSend                            // server: send the response and keep it for repetitions
	doQuiet                           // stop the timers of the request or final (A and B, E and F, G and H, 100)
	doNextResend                      // set timer A (doubles), E or G (doubles up to T2)
	doSlowResend                      // set timer E to T2
	doStartResend                     // server: set timer G where the transport is unreliable
	doStartTimeout                    // server: set timer H
	doStartEnd                        // set timer D, I, J, K, L or M
	doCancel                          // INVITE client: send the CANCEL now
	doCancelLater                     // INVITE client: send the CANCEL when a 1xx comes (9.1)
	doCancelIfAsked                   // INVITE client: the 1xx came that a CANCEL waited for
	doTrying                          // INVITE server: send 100 of our own
	doToldCancel                      // server: answer the CANCEL with 200 and tell the user
	doAnswerCancel                    // server: answer the CANCEL with 200, it has no effect (9.2)
	doToldAck                         // INVITE server: hand the ACK to the user
	doFailTimeout                     // tell the user: ErrTimeout (client) or ErrNoAnswer (server)
	doFailTransport                   // tell the user: ErrTransport
	doNoAck                           // server: tell the user ErrNoAck
	doDrop                            // nothing, on purpose; counted
)

// row is one arrow: in state from, on the event, go to state to and do.
type row struct {
	from state
	on   event
	to   state
	do   []action
}

// table is one machine. It has no clock, socket or goroutine.
type table struct {
	name  string
	start state
	rows  []row
	index [terminated + 1][evTrying + 1]*row
}

func newTable(name string, start state, rows []row) *table {
	t := &table{name: name, start: start, rows: rows}
	for i := range rows {
		t.index[rows[i].from][rows[i].on] = &rows[i]
	}
	return t
}

// next finds the row for an event. There is none for what cannot happen (a timer
// that is not set) and after the end.
func (t *table) next(from state, on event) (*row, bool) {
	r := t.index[from][on]
	return r, r != nil
}

func do(actions ...action) []action { return actions }
