package transaction

// inviteClientRows is figure 5 of RFC 3261 (17.1.1) as RFC 6026 figure 4
// changes it: a 2xx leads to accepted, where each further 2xx, a repetition or
// another fork's, goes up to the user until timer M.
//
// CANCEL (9.1) is part of the table, because what it does depends on the state:
// before a 1xx it waits for one, afterwards it goes out at once, and 64*T1 later
// the request counts as cancelled even if no final response ever came.
//
// Timer B stops with the first 1xx: from then on only the user's patience ends a
// call that rings, however many 1xx come.
var inviteClientRows = []row{
	// 17.1.1.2: "the client transaction MUST retransmit the request [...] when timer A fires"
	{calling, evResend, calling, do(doResend, doNextResend)},
	{calling, evTimeout, terminated, do(doFailTimeout)},
	{calling, ev1xx, proceeding, do(doQuiet, doDeliver, doCancelIfAsked)},
	{calling, ev2xx, accepted, do(doQuiet, doStartEnd, doDeliver)},
	{calling, ev3456, completed, do(doQuiet, doAck, doStartEnd, doDeliver)},
	{calling, evTransport, terminated, do(doFailTransport)},
	// 9.1: "If no provisional response has been received, the CANCEL request MUST NOT be sent"
	{calling, evCancel, calling, do(doCancelLater)},

	{proceeding, ev1xx, proceeding, do(doDeliver)},
	{proceeding, ev2xx, accepted, do(doQuiet, doStartEnd, doDeliver)},
	{proceeding, ev3456, completed, do(doQuiet, doAck, doStartEnd, doDeliver)},
	// The answer could come on this connection only (18.1.2 and our rule T10).
	{proceeding, evTransport, terminated, do(doFailTransport)},
	{proceeding, evCancel, proceeding, do(doCancel)},
	// 9.1: "the client SHOULD then consider the original transaction cancelled"
	{proceeding, evCancelLimit, terminated, do(doFailTimeout)},

	// RFC 6026 7.2: "a 2xx is passed to the TU", whatever its To tag.
	{accepted, ev2xx, accepted, do(doDeliver)},
	{accepted, ev1xx, accepted, do(doDrop)},
	{accepted, ev3456, accepted, do(doDrop)},
	{accepted, evTransport, accepted, do(doDrop)},
	{accepted, evCancel, accepted, do(doDrop)},
	{accepted, evEnd, terminated, nil},

	// 17.1.1.2: "Any retransmissions of the final response [...] MUST cause the ACK to be re-passed"
	{completed, ev3456, completed, do(doAck)},
	{completed, ev1xx, completed, do(doDrop)},
	{completed, ev2xx, completed, do(doDrop)},
	{completed, evCancel, completed, do(doDrop)},
	// The user has its final answer: that the ACK does not arrive changes nothing for it.
	{completed, evTransport, terminated, do(doDrop)},
	{completed, evEnd, terminated, nil},
}
