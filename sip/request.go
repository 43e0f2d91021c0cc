package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

// RequestOptions is a request outside a dialog.
type RequestOptions struct {
	Method      string
	To          URI
	Target      *URI     // where to send it; nil: To
	From        *Address // nil: the account's
	Headers     []Header
	ContentType string
	Body        []byte
	Timeout     time.Duration // zero: 64*T1
	Flow        Flow          // nil: resolved; else this one, as long as it lives
	Home        bool          // to the account's proxy or registrar, whatever host To names
}

// Reply is the final answer to a request outside a dialog.
type Reply struct {
	Code        int
	Reason      string
	Headers     []Header
	ContentType string
	Body        []byte
	Err         error          // nothing came: time-out, transport, resolution
	Auth        error          // why a challenge was not answered, for errors.Is; nil: none was, or there was none
	Server      netip.AddrPort // the last one that was tried; zero: none was found
	Flow        Flow           // that the answer came by
	RTT         time.Duration
	CallID      CallID // of the request; empty when it could not be made
}

// IncomingRequest is a request outside a dialog that the Handler serves. It is
// answered once, in the handler or later, on the loop.
type IncomingRequest struct {
	ua      *UA
	server  *transaction.Server
	req     *message.Request
	flow    Flow
	account *Account
	trusted bool
}

// Method is the request's method, as it came.
func (r *IncomingRequest) Method() string { return string(r.req.Method) }

// RequestURI is where the sender thinks that it sends.
func (r *IncomingRequest) RequestURI() URI { return message.RequestURI(r.req) }

// From is who says to have sent it; unproven.
func (r *IncomingRequest) From() Address { return addressOf(message.From(r.req)) }

// To is whom it is for.
func (r *IncomingRequest) To() Address { return addressOf(message.To(r.req)) }

// CallID is its Call-ID.
func (r *IncomingRequest) CallID() CallID { return CallID(message.CallID(r.req)) }

// Header is the raw value of the first header of that name.
func (r *IncomingRequest) Header(name string) string { return message.Value(r.req, name) }

// Headers are all headers, raw, in their order.
func (r *IncomingRequest) Headers() []Header { return message.Headers(r.req) }

// Body is the body as it came.
func (r *IncomingRequest) Body() []byte { return r.req.Body() }

// ContentType is the body's type.
func (r *IncomingRequest) ContentType() string { return message.Value(r.req, "Content-Type") }

// Source is the address that it came from.
func (r *IncomingRequest) Source() netip.AddrPort { return r.flow.Remote() }

// Flow is the connection or UDP peer that it came by.
func (r *IncomingRequest) Flow() Flow { return r.flow }

// Account is the account whose registrar sent it; nil when none did.
func (r *IncomingRequest) Account() *Account { return r.account }

// FromRegistrar reports whether it came from an account's registrar or proxy.
func (r *IncomingRequest) FromRegistrar() bool { return r.trusted }

// Raw is the request as text, secrets redacted.
func (r *IncomingRequest) Raw() string { return redact(r.req.String()) }

// Respond sends the answer. An empty reason means the code's own; contentType
// and body may be empty. ErrFinal after the first final answer.
func (r *IncomingRequest) Respond(code int, reason string, headers []Header, contentType string, body []byte) error {
	res := r.ua.response(r.req, code, reason, r.server.Tag())
	for _, h := range headers {
		if err := addOwnContact(res, h); err != nil {
			return err
		}
	}
	message.SetBody(res, contentType, body)
	err := r.server.Respond(res)
	if errors.Is(err, transaction.ErrFinal) || errors.Is(err, transaction.ErrGone) {
		return ErrFinal
	}
	return err
}

// addOwnContact adds a header of the handler's, Contact among them: a REGISTER
// and a registrar's answer list bindings (RFC 3261 10).
func addOwnContact(msg message.Message, h Header) error {
	if message.CanonicalName(h.Name) != "Contact" {
		return addHeader(msg, h)
	}
	if err := message.CheckValue(h.Name, h.Value); err != nil {
		return fmt.Errorf("add header: %w", err)
	}
	message.Add(msg, h.Name, h.Value)
	return nil
}

// addressOf is an address or the zero one.
func addressOf(a Address, err error) Address {
	if err != nil {
		return Address{}
	}
	return a
}
