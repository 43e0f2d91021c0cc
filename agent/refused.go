package agent

import (
	"strings"
	"sync/atomic"

	"ringback/media"
	"ringback/sip"
)

// Refusal is a cause that this room counts itself, and the desk before it.
type Refusal uint8

// What the agent refuses, and what its desk refuses for it.
const (
	RefusedOffer       Refusal = iota // an SDP offer, broken or without anything in common
	RefusedAnswer                     // an SDP answer that does not fit our offer
	RefusedPeer                       // a client of another user on the control socket
	RefusedHost                       // a Host that is not the listener's own: DNS rebinding
	RefusedToken                      // no token, or a wrong one
	RefusedRate                       // more wrong tokens than are answered as such
	RefusedConnections                // connections beyond those that are served at a time
	RefusedOrigin                     // a page of another origin
	RefusedMethod                     // an HTTP method that a path does not have
	RefusedPath                       // a path that is not served
	RefusedContentType                // arguments that are no JSON by their type
	RefusedSize                       // arguments that are too large
	RefusedArguments                  // arguments that are no JSON object
	RefusedUnreadable                 // what is no HTTP request, is too slow, or has headers that are too large
	refusals
)

// String is the cause's name.
func (r Refusal) String() string {
	if r >= refusals {
		return "unknown"
	}
	return [refusals]string{"sdp.offer", "sdp.answer", "control.peer", "control.host", "control.token", "control.rate", "control.connections", "control.origin", "control.method", "control.path", "control.content_type", "control.size", "control.arguments",
		"control.unreadable"}[r]
}

type refusalCounts [refusals]atomic.Uint64

// Refuse counts something that was refused. Any goroutine.
func (a *Agent) Refuse(why Refusal) {
	if why < refusals {
		a.refusals[why].Add(1)
	}
}

// rooms are those below that count, once they are there.
type rooms struct {
	ua     *sip.UA
	engine *media.Engine
}

// counted is what every room has counted since the start.
func (a *Agent) counted() map[string]uint64 {
	all := map[string]uint64{}
	if r := a.below.Load(); r != nil {
		all = r.ua.Counted()
		for name, n := range r.engine.Dropped() {
			all["media."+name] = n
		}
		all["media.panics"] = r.engine.Panics()
	}
	for name, n := range a.store.Failures() {
		all["store."+name] = n
	}
	for i := range a.refusals {
		all[Refusal(i).String()] = a.refusals[i].Load()
	}
	return all
}

// Refused is what was refused since the agent's start, by the name of its cause (see
// Causes): a count for each cause that is not zero. It is no part of the events: a
// flood is not to fill their list. Any goroutine.
func (a *Agent) Refused() map[string]uint64 {
	refused, counted := map[string]uint64{}, a.counted()
	for _, c := range Causes() {
		n := uint64(0)
		for counter := range strings.FieldsSeq(c.Counters) {
			n += counted[counter]
		}
		if n > 0 {
			refused[c.Name] = n
		}
	}
	return refused
}

// Cause is why something was refused.
type Cause struct {
	Name     string // of the count in refused: room.what
	Words    string // what it counts, for people: a plural
	Counters string // the rooms' counters that it is the sum of, separated by blanks
}

// Causes is the one list of what is refused and counted. What `ringback status` and
// `ringback doctor` show, and the state's JSON, comes from here.
func Causes() []Cause {
	return []Cause{
		{"message.line", "messages that are not SIP: no start line, no colon, no end of the headers", "transport.rejected.line"},
		{"message.version", "messages of another version of SIP", "transport.rejected.version"},
		{"message.uri", "messages with a Request-URI that cannot be read", "transport.rejected.uri"},
		{"message.missing", "messages without a header that each must have", "transport.rejected.missing"},
		{"message.repeated", "messages with two of a header that stands once", "transport.rejected.repeated"},
		{"message.address", "messages with an address that cannot be read (From, To, Contact, Route)", "transport.rejected.address"},
		{"message.via", "messages whose Via cannot be read, or with too many", "transport.rejected.via transaction.request.via"},
		{"message.cseq", "messages whose CSeq cannot be read or names another method", "transport.rejected.cseq"},
		{"message.value", "messages with another header that cannot be read", "transport.rejected.value"},
		{"message.length", "messages whose Content-Length is wrong", "transport.rejected.length"},
		{"message.size", "messages that are too large", "transport.rejected.size"},
		{"message.headers", "messages with too many headers", "transport.rejected.headers"},
		{"message.parameters", "messages with too many parameters", "transport.rejected.parameters"},
		{"message.controls", "messages with control characters", "transport.rejected.controls"},
		{"message.hop", "messages that nobody could be answered for", "transport.drop_unanswerable"},
		{"message.merged", "requests that came by two ways", "transaction.request.merged"},

		{"connection.limit", "connections beyond the limit", "transport.accept_limit transport.accept_ip_limit"},
		{"connection.slow", "connections with half a message for too long", "transport.closed_slow"},
		{"connection.silent", "connections on which nothing came", "transport.closed_idle"},
		{"connection.unframed", "connections on which a message had no end", "transport.closed_unframed"},
		{"connection.garbage", "connections with nothing but garbage", "transport.closed_hostile"},
		{"connection.dead", "connections whose other end did not answer, or took nothing more", "transport.closed_no_pong transport.write_backlog"},
		{"connection.tls", "TLS handshakes that failed", "transport.tls_handshake_failed"},

		{"rate.messages", "messages that came faster than they could be read", "transport.drop_backlog"},
		{"rate.answers", "answers to garbage and strangers beyond 200 a second", "transport.rejected_unanswered sip.stranger.unanswered"},
		{"rate.calls", "calls beyond what is taken in a second or at a time", "sip.overload"},
		{"table.transactions", "requests for which the table of transactions had no room", "transaction.request.limit transaction.client.limit"},

		{"service.method", "requests of a method that is not served", "sip.unserved.method"},
		{"service.extension", "requests for an extension that is not known", "sip.unserved.extension"},
		{"service.scheme", "requests to an address that is not SIP", "sip.unserved.scheme"},
		{"service.type", "bodies of a type that is not served", "sip.unserved.type"},
		{"service.accept", "requests that want an answer of a type that is not served", "sip.unserved.accept"},
		{"service.body", "bodies that cannot be read or are too large", "sip.unserved.other sip.unserved.size"},

		{"stranger.invite", "calls of strangers", "sip.stranger.invite"},
		{"stranger.message", "messages of strangers", "sip.stranger.message"},
		{"stranger.register", "registrations of strangers", "sip.stranger.register"},
		{"stranger.subscribe", "subscriptions of strangers", "sip.stranger.subscribe"},
		{"stranger.notify", "notifications of strangers", "sip.stranger.notify"},
		{"stranger.refer", "requests of strangers to dial", "sip.stranger.refer"},
		{"stranger.options", "strangers who asked what this phone can do", "sip.stranger.options"},
		{"stranger.other", "other requests of strangers", "sip.stranger.other"},
		{"stranger.in_call", "requests of strangers inside a call", "sip.stranger.in_dialog"},
		{"stranger.response", "answers of strangers to this phone's requests", "transaction.response.stranger"},
		{"stray.ack", "acknowledgements that belong to nothing", "transaction.ack.stray sip.ack_without_dialog"},
		{"stray.cancel", "cancellations of nothing", "transaction.cancel.stray"},
		{"stray.response", "answers to nothing that this phone asked", "transaction.response.stray transaction.response.vias"},
		{"refer.headers", "requests to dial with headers that could forge something", "sip.refer_headers"},

		{"credentials.password", "challenges after credentials were refused", "sip.challenge.password"},
		{"credentials.realm", "challenges of somebody else than the account's PBX", "sip.challenge.realm"},
		{"credentials.algorithm", "challenges with an algorithm that is not allowed", "sip.challenge.algorithm"},
		{"credentials.stale", "challenges that call each nonce stale", "sip.challenge.stale"},
		{"credentials.challenge", "challenges that cannot be read", "sip.challenge.unreadable"},

		{"sdp.offer", "media offers that are broken or have nothing in common with this phone", "sdp.offer"},
		{"sdp.answer", "media answers that do not fit", "sdp.answer"},

		{"media.stranger", "media packets of strangers", "media.stranger"},
		{"media.early", "media packets before anything was agreed on", "media.early"},
		{"media.malformed", "media packets that are truncated or no RTP", "media.malformed"},
		{"media.payload_type", "media packets of a type that was not agreed on", "media.payload_type"},
		{"media.undecodable", "media packets that cannot be decoded", "media.undecodable"},
		{"media.rtcp", "control packets of media that cannot be read", "media.rtcp_malformed"},
		{"media.rtcp_on_rtp", "control packets of media on the wrong port", "media.rtcp_on_rtp"},
		{"media.unauthentic", "media packets of an encrypted call that were forged or not encrypted", "media.unauthentic"},
		{"media.replay", "media packets of an encrypted call that came again", "media.replay"},
		{"media.stray", "media packets of another stream or time than the call's", "media.stray"},
		{"media.too_many_streams", "media packets of an encrypted call with a source too many", "media.too_many_streams"},

		{"control.peer", "control clients of another user", "control.peer"},
		{"control.host", "control requests for another host's name", "control.host"},
		{"control.token", "control requests without the token", "control.token"},
		{"control.rate", "control requests without the token, beyond 10 a second", "control.rate"},
		{"control.connections", "control connections beyond the limit", "control.connections"},
		{"control.origin", "control requests of other web pages", "control.origin"},
		{"control.method", "control requests of a method that a path does not have", "control.method"},
		{"control.path", "control requests for what is not there", "control.path"},
		{"control.content_type", "control requests whose body is no JSON", "control.content_type"},
		{"control.size", "control requests that are too large", "control.size"},
		{"control.arguments", "control requests whose arguments cannot be read", "control.arguments"},
		{"control.unreadable", "control requests that are no HTTP, or did not come whole or in time", "control.unreadable"},

		{"store.full", "writes and reads that failed: the disk is full", "store.full"},
		{"store.read_only", "writes and reads that failed: the file cannot be written", "store.read_only"},
		{"store.slow", "writes and reads that failed: the disk does not answer in time", "store.slow"},
		{"store.damaged", "writes and reads that failed: the file is damaged", "store.damaged"},
		{"store.disk", "writes and reads that failed: the disk fails", "store.disk"},

		{"fault.panic", "faults of this phone's own that were caught: please report them with the log", "sip.panics transport.panics media.panics"},
	}
}
