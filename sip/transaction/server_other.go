package transaction

// otherServerRows is figure 8 of RFC 3261 (17.2.2). In it ev2xx stands for any
// final response. Timer J starts with the final; a user that never answers is
// bounded by 64*T1 (evTimeout), after which the client has given up (RFC 4320 4.2:
// a 408 MUST NOT be sent).
var otherServerRows = []row{
	{trying, evRequest, trying, do(doDrop)},
	{trying, ev1xx, proceeding, do(doSend)},
	{trying, ev2xx, completed, do(doQuiet, doSend, doStartEnd)},
	{trying, evCancel, trying, do(doAnswerCancel)},
	{trying, evTransport, terminated, do(doFailTransport)},
	{trying, evTimeout, terminated, do(doFailTimeout)},

	{proceeding, evRequest, proceeding, do(doResend)},
	{proceeding, ev1xx, proceeding, do(doSend)},
	{proceeding, ev2xx, completed, do(doQuiet, doSend, doStartEnd)},
	{proceeding, evCancel, proceeding, do(doAnswerCancel)},
	{proceeding, evTransport, terminated, do(doFailTransport)},
	{proceeding, evTimeout, terminated, do(doFailTimeout)},

	{completed, evRequest, completed, do(doResend)},
	{completed, evCancel, completed, do(doAnswerCancel)},
	{completed, evTransport, terminated, do(doFailTransport)},
	{completed, evEnd, terminated, nil},
}
