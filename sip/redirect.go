package sip

import (
	"slices"
	"strconv"

	"ringback/sip/message"
)

// redirection is a call's way through 3xx answers (RFC 3261 8.1.3.4).
type redirection struct {
	queue []URI // targets still to be tried, best first
	count int   // tried so far
	asked bool  // the handler has it
	res   *message.Response
}

// redirected takes a 3xx by the account's policy, and reports whether the call
// goes on. Each target is tried once, five at most, and credentials of the first
// target are not carried along.
func (s *Session) redirected(res *message.Response) bool {
	policy := Ask
	if s.account != nil && s.account.Accept3xx != "" {
		policy = s.account.Accept3xx
	}
	contacts := s.newTargets(res)
	if policy == Refuse || len(contacts) == 0 {
		return false
	}
	if s.out.redirect == nil {
		s.out.redirect = &redirection{}
	}
	r := s.out.redirect
	r.res = res
	r.queue = append(contacts, r.queue...)
	if policy == Follow {
		return s.followNext()
	}
	r.asked = true
	s.out.exchange = nil // answers of the old branch no longer count
	s.emit(Redirected{Code: res.StatusCode, Contacts: contacts})
	if r.asked { // the handler did not follow
		r.asked = false
		return false
	}
	return true
}

// newTargets are the contacts of a 3xx that may be tried: SIP, not ourselves, not
// tried before, in the order of their q.
func (s *Session) newTargets(res *message.Response) []URI {
	list, _, err := message.Contacts(res)
	if err != nil {
		return nil
	}
	slices.SortStableFunc(list, func(a, b Address) int {
		qa, qb := qOf(a), qOf(b)
		switch {
		case qa > qb:
			return -1
		case qa < qb:
			return 1
		}
		return 0
	})
	s.out.try(s.out.target)
	var out []URI
	for _, c := range list {
		uri := c.URI
		uri.Headers = nil
		downgrade := s.out.target.Scheme == "sips" && uri.Scheme != "sips"
		if !uri.IsSIP() || downgrade || s.out.tried[uri.String()] || s.isSelf(uri) || len(out) == maxRedirects {
			continue
		}
		out = append(out, uri)
	}
	return out
}

// try notes that a target was tried.
func (o *outCall) try(uri URI) {
	if o.tried == nil {
		o.tried = map[string]bool{}
	}
	o.tried[uri.String()] = true
}

func qOf(a Address) float64 {
	q, err := strconv.ParseFloat(a.Params.Value("q"), 64)
	if err != nil || q < 0 || q > 1 {
		return 1
	}
	return q
}

// isSelf reports whether a URI is our own address of record.
func (s *Session) isSelf(uri URI) bool {
	return s.account != nil && isOwn(s.account, uri)
}

func isOwn(a *Account, uri URI) bool {
	return uri.UserText() == a.AOR.UserText() && lower(uri.Host) == lower(a.AOR.Host)
}

// followNext calls the next target.
func (s *Session) followNext() bool {
	r := s.out.redirect
	for len(r.queue) > 0 && r.count < maxRedirects {
		uri := r.queue[0]
		r.queue = r.queue[1:]
		if s.out.tried[uri.String()] {
			continue
		}
		s.out.try(uri)
		r.count++
		s.out.target = uri
		if s.buildInvite() != nil {
			return false
		}
		s.sendInvite()
		return true
	}
	return false
}

// Follow calls one of the contacts of a Redirected, in its handler. ErrState
// elsewhere, when the contact was tried before, or after five.
func (s *Session) Follow(contact URI) error {
	if s.out == nil || s.out.redirect == nil || !s.out.redirect.asked || s.phase == phaseCancelling {
		return ErrState
	}
	r := s.out.redirect
	r.queue = append([]URI{contact}, r.queue...)
	if !s.followNext() {
		return ErrState
	}
	r.asked = false
	return nil
}
