// Package sip is a SIP user agent: accounts and their registrations, calls out
// and in with all that a desk does to them, transfers, messages.
//
// Words: an Account is an identity at a PBX; a Registration is the life of its
// binding there; a dialog is RFC 3261's peer-to-peer relation; a Session is one
// INVITE session on a dialog; a fork is one of the dialogs that an INVITE of ours
// made; a Referral is a transfer that we asked for; a Subscription asks for somebody's
// state, a Watch is somebody's subscription to state that is here; an exchange is one request of
// ours through resolution, failover and challenges to its final answer. A body is
// bytes with a content type: what SDP means is not known here.
//
// Goroutines: everything runs on the loop that Config names, input from the
// network too, so that what crosses on the wire is decided by its order there and
// nothing is locked. NewUA, Close and LocalAddr may be called from anywhere. The
// Handler and SessionHandlers are called on the loop and must not block; a panic
// in one answers 500, ends that call and is counted.
//
// Where the RFCs are: RFC 3261 8.2 dispatch.go, 11 options.go, 12 dialog.go and
// indialog.go, 13.2 invite.go (2xx of other forks, and behind the end: fork.go), 13.3 answer.go, 14 reinvite.go, 15 bye.go, 8.1.3.4
// redirect.go, 22 and RFC 7616 auth.go, auth_challenge.go and outgoing.go, 10
// register.go (its life) and register_send.go (its messages); RFC 3262 prack.go;
// RFC 2782 and 3263 resolve.go (the questions themselves resolve_dns.go); RFC 3581
// nat.go; sleep and moves to another network move.go; a DNS that dies or lies reserve.go; certificates that are replaced tls.go; what a restarted PBX has forgotten probe.go; RFC 5626 4.2 and 6 register_send.go, 4.3 identity.go, 4.4 keepalive.go, 4.5 dialog.go; RFC 3264's order of offers offer_table.go; RFC 3311
// reinvite.go; RFC 3325 identity.go; RFC 3326 and 5407 bye.go and answer.go; RFC
// 3515, 4488 and 6665 refer.go (ours) and referin.go (theirs); RFC 6665 4.1 subscribe.go
// (its life), subscribe_send.go and notify.go (its messages), 4.2 notifier.go; RFC 3903 publish.go;
// RFC 3891 replaces.go; RFC 4028 timer.go; RFC 6086 info.go. State machines are tables (table.go):
// session_table.go, offer_table.go, refer_table.go, register_table.go,
// subscribe_table.go, publish_table.go.
//
// Policies where the RFCs leave a choice: a re-INVITE or UPDATE that gets 481, 408
// or nothing ends the call; a BYE is told as the end when it is sent; a BYE that is
// challenged on a call that came in counts as done and gets no credentials; only
// the registrar's and outbound proxy's addresses may call, be believed about
// identities, or get credentials; of several challenges of a realm the strongest
// that the account allows is answered (RFC 8760 2.4 leaves that to local policy);
// a registration's back-off starts at 1 s and comes to a try every 30 s where RFC 5626
// 4.5 would go to 30 minutes, and a try behind a failed one is not repeated over UDP;
// where the DNS does not name the registrar that served, or one that does not serve, that
// registrar is gone to for a day, in a next life of the phone too (Account.Served), and a server that only the DNS vouches for gets no
// digest unasked and none for a new realm;
// a subscription that was refused (404, 489) is asked for again within ten minutes, one
// that was ended for good (rejected, noresource) only when it is wished or the account
// has registered anew.
//
// Outside dependencies: sipgo, through sip/message only (the message model);
// icholy/digest (the digest arithmetic); miekg/dns (NAPTR and SRV, which the
// standard library cannot ask for).
package sip
