package transaction

// inviteServerRows is figure 7 of RFC 3261 (17.2.1) as RFC 6026 figure 5
// changes it: after a 2xx it stays in accepted until timer L, takes repetitions
// of the INVITE in, and lets the user send its 2xx again.
//
// A response that has no row (anything after a final) is refused with ErrFinal:
// so never both 487 and 200, and no 180 after a 486.
var inviteServerRows = []row{
	{proceeding, evRequest, proceeding, do(doResend)},
	// 17.2.1: "MUST generate a 100 (Trying) response unless it knows that the TU will [...] within 200 ms"
	{proceeding, evTrying, proceeding, do(doTrying)},
	{proceeding, ev1xx, proceeding, do(doSend)},
	{proceeding, ev2xx, accepted, do(doQuiet, doSend, doStartEnd)},
	{proceeding, ev3456, completed, do(doQuiet, doSend, doStartResend, doStartTimeout)},
	{proceeding, evCancel, proceeding, do(doToldCancel)},
	{proceeding, evAck, proceeding, do(doDrop)},
	{proceeding, evTransport, terminated, do(doFailTransport)},

	// RFC 6026 7.1: repetitions "are not passed onto the TU". We send the 2xx again
	// at once unless its ACK has come: it was lost, else the INVITE would not come again.
	{accepted, evRequest, accepted, do(doResend)},
	{accepted, ev2xx, accepted, do(doSend)},
	{accepted, evAck, accepted, do(doToldAck)},
	// 9.2: after a final response "the CANCEL request has no effect"
	{accepted, evCancel, accepted, do(doAnswerCancel)},
	// RFC 6026 7.1: told to the user, which goes on sending its 2xx; we stay.
	{accepted, evTransport, accepted, do(doDrop)},
	{accepted, evEnd, terminated, nil},

	{completed, evRequest, completed, do(doResend)},
	{completed, evResend, completed, do(doResend, doNextResend)},
	{completed, evTimeout, terminated, do(doNoAck)},
	{completed, evAck, confirmed, do(doQuiet, doStartEnd)},
	{completed, evCancel, completed, do(doAnswerCancel)},
	{completed, evTransport, terminated, do(doFailTransport)},

	// 17.2.1: in confirmed "any additional ACK messages" are absorbed.
	{confirmed, evRequest, confirmed, do(doDrop)},
	{confirmed, evAck, confirmed, do(doDrop)},
	{confirmed, evCancel, confirmed, do(doAnswerCancel)},
	{confirmed, evTransport, confirmed, do(doDrop)},
	{confirmed, evEnd, terminated, nil},
}
