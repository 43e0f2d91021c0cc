package sip

import (
	"strings"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

// abilities is a response that says what we are and serve (RFC 3261 11.2).
func (u *UA) abilities(req *message.Request, code int, tag string) *message.Response {
	res := u.response(req, code, "", tag)
	message.Set(res, "Allow", u.allow)
	message.Set(res, "Accept", strings.Join(u.service.ContentTypes, ", "))
	message.Set(res, "Accept-Encoding", "identity")
	message.Set(res, "Accept-Language", "en")
	message.Set(res, "Supported", knownOptions)
	message.Set(res, "Allow-Events", "refer")
	return res
}

// answerOptions answers with the code that an INVITE would get now: "the response
// code chosen MUST be the same that would have been chosen had the request been an
// INVITE" (RFC 3261 11.2). 200 stands for ringing.
func (u *UA) answerOptions(server *transaction.Server, req *message.Request) {
	_ = server.Respond(u.optionsAnswer(req, server.Flow(), server.Tag()))
}

func (u *UA) optionsAnswer(req *message.Request, flow Flow, tag string) *message.Response {
	code := 200
	if ask := u.cfg.Policy.Available; ask != nil {
		if busy := ask(); busy >= 300 {
			code = busy
		}
	}
	res := u.abilities(req, code, tag)
	message.Set(res, "Contact", u.contact(nil, flow))
	return res
}
