package message

import (
	"slices"
	"strings"
)

// Service says what a user agent serves, so that Check can refuse the rest in
// the order of RFC 3261 8.2.
type Service struct {
	Methods      []Method
	Options      []string // option tags understood in Require
	ContentTypes []string // of bodies that must be understood; multipart/mixed and /alternative are opened
	Accept       []string // what an INVITE's or OPTIONS' Accept must allow one of; empty: not checked
	MaxBody      int      // bytes; 0: no limit of its own
}

// Check returns what to refuse an admitted request with, or nil: 405 with
// Allow, 416, 420 with Unsupported, 413, 415 with Accept or Accept-Encoding,
// 406. ACK is never refused, and CANCEL only by method and scheme.
func (sv Service) Check(req *Request) *Reject {
	if req.Method == ACK {
		return nil
	}
	r := sv.check(req)
	if r != nil {
		r.Head = req
	}
	return r
}

func (sv Service) check(req *Request) *Reject {
	if !slices.Contains(sv.Methods, req.Method) {
		r := refuse(405, FaultUnserved, "method %s is not served", clip(string(req.Method)))
		r.Headers = []Header{{"Allow", sv.Allow()}}
		return r
	}
	if u := RequestURI(req); !u.IsSIP() {
		return refuse(416, FaultUnserved, "scheme %q is not served", clip(u.Scheme))
	}
	if req.Method == CANCEL {
		return nil
	}
	if missing := sv.missing(req); len(missing) > 0 {
		r := refuse(420, FaultUnserved, "extensions %q are not served", missing)
		r.Headers = []Header{{"Unsupported", strings.Join(missing, ", ")}}
		return r
	}
	if r := sv.checkBody(req); r != nil {
		return r
	}
	return sv.checkAccept(req)
}

// Allow is the value of an Allow header.
func (sv Service) Allow() string {
	names := make([]string, len(sv.Methods))
	for i, m := range sv.Methods {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

func (sv Service) missing(req *Request) []string {
	var out []string
	for _, tag := range Elements(req, "Require") {
		if !slices.ContainsFunc(sv.Options, func(o string) bool { return strings.EqualFold(o, tag) }) {
			out = append(out, tag)
		}
	}
	return out
}

func (sv Service) checkBody(req *Request) *Reject {
	body := req.Body()
	if len(body) == 0 {
		return nil
	}
	if sv.MaxBody > 0 && len(body) > sv.MaxBody {
		return refuse(413, FaultUnserved, "body of %d bytes, over %d", len(body), sv.MaxBody)
	}
	for _, e := range Elements(req, "Content-Encoding") {
		if !strings.EqualFold(e, "identity") {
			r := refuse(415, FaultUnserved, "content encoding %q", clip(e))
			r.Headers = []Header{{"Accept-Encoding", "identity"}}
			return r
		}
	}
	parts, err := Parts(req)
	if err != nil {
		return refuse(400, FaultUnserved, "%v", err)
	}
	whole, _ := ContentType(req)
	// Beside a part that we know, the others of a multipart may stay unread unless
	// they say that they must not: 20.11 would have them required without a word,
	// and real PBXs put their own parts beside the SDP without one.
	known := strings.HasPrefix(whole, "multipart/") &&
		slices.ContainsFunc(parts, func(p Part) bool { return slices.Contains(sv.ContentTypes, p.ContentType) })
	for _, p := range parts {
		handling := strings.ToLower(p.Disposition.Params.Value("handling"))
		optional := known && handling != "required" || handling == "optional"
		if !slices.Contains(sv.ContentTypes, p.ContentType) && !optional {
			r := refuse(415, FaultUnserved, "content type %q", clip(p.ContentType))
			r.Headers = []Header{{"Accept", strings.Join(sv.ContentTypes, ", ")}}
			return r
		}
	}
	return nil
}

func (sv Service) checkAccept(req *Request) *Reject {
	if len(sv.Accept) == 0 || !Has(req, "Accept") || req.Method != INVITE && req.Method != OPTIONS {
		return nil
	}
	for _, e := range Elements(req, "Accept") {
		want, _ := cutParams(e)
		want = strings.ToLower(want)
		for _, have := range sv.Accept {
			kind, _, _ := strings.Cut(have, "/")
			if want == have || want == "*/*" || want == kind+"/*" {
				return nil
			}
		}
	}
	return refuse(406, FaultUnserved, "nothing in Accept that we can send")
}
