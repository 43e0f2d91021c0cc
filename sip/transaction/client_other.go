package transaction

// otherClientRows is figure 6 of RFC 3261 (17.1.2). In it ev2xx stands for any
// final response.
var otherClientRows = []row{
	{trying, evResend, trying, do(doResend, doNextResend)},
	{trying, evTimeout, terminated, do(doFailTimeout)},
	{trying, ev1xx, proceeding, do(doDeliver)},
	{trying, ev2xx, completed, do(doQuiet, doStartEnd, doDeliver)},
	{trying, evTransport, terminated, do(doFailTransport)},
	// 9.1: "A CANCEL request SHOULD NOT be sent to cancel a request other than INVITE"
	{trying, evCancel, trying, do(doDrop)},

	// 17.1.2.2: in proceeding "Timer E MUST be reset with a value of T2 seconds"
	{proceeding, evResend, proceeding, do(doResend, doSlowResend)},
	{proceeding, evTimeout, terminated, do(doFailTimeout)},
	{proceeding, ev1xx, proceeding, do(doDeliver)},
	{proceeding, ev2xx, completed, do(doQuiet, doStartEnd, doDeliver)},
	{proceeding, evTransport, terminated, do(doFailTransport)},
	{proceeding, evCancel, proceeding, do(doDrop)},

	{completed, ev1xx, completed, do(doDrop)},
	{completed, ev2xx, completed, do(doDrop)},
	{completed, evTransport, completed, do(doDrop)},
	{completed, evCancel, completed, do(doDrop)},
	{completed, evEnd, terminated, nil},
}
