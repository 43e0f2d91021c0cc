package message

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"strings"
)

// Part is one part of a body.
type Part struct {
	ContentType string // media type in lower case, without parameters
	Params      map[string]string
	Disposition Token // zero when the part names none
	ContentID   string
	Body        []byte
}

// MaxParts is the largest number of parts of a multipart body, at all depths.
const MaxParts = 16

// ContentType is the media type of a message in lower case without parameters,
// and its parameters with names in lower case. "" when there is none or it
// cannot be read.
func ContentType(m Message) (string, map[string]string) {
	return parseMediaType(Value(m, "Content-Type"))
}

func parseMediaType(v string) (string, map[string]string) {
	if kind, sub, ok := strings.Cut(v, "/"); ok && isToken(kind) && isToken(sub) {
		return strings.ToLower(v), nil // as nearly all are
	}
	t, params, err := mime.ParseMediaType(v)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return "", nil
	}
	return t, params
}

// Parts are the parts of a message's body: one for a plain body, those of a
// multipart one otherwise, nested ones in order. No body is no part.
func Parts(m Message) ([]Part, error) {
	if len(m.Body()) == 0 {
		return nil, nil
	}
	t, params := ContentType(m)
	whole := Part{ContentType: t, Params: params, Disposition: TokenOf(m, "Content-Disposition"),
		ContentID: Value(m, "Content-ID"), Body: m.Body()}
	var out []Part
	if err := splitPart(whole, 0, &out); err != nil {
		return nil, err
	}
	return out, nil
}

func splitPart(p Part, depth int, out *[]Part) error {
	if !strings.HasPrefix(p.ContentType, "multipart/") {
		if len(*out) == MaxParts {
			return fmt.Errorf("split body: more than %d parts", MaxParts)
		}
		*out = append(*out, p)
		return nil
	}
	if depth == 4 {
		return errors.New("split body: parts nested more than 4 deep")
	}
	boundary := p.Params["boundary"]
	if boundary == "" {
		return errors.New("split body: multipart without a boundary")
	}
	pieces, err := cutPieces(p.Body, boundary)
	if err != nil {
		return err
	}
	for _, piece := range pieces {
		if err := splitPart(readPart(piece), depth+1, out); err != nil {
			return err
		}
	}
	return nil
}

// cutPieces cuts at the lines that start with the boundary (RFC 2046 5.1.1).
func cutPieces(body []byte, boundary string) ([][]byte, error) {
	mark := []byte("\r\n--" + boundary)
	body = append([]byte("\r\n"), body...)
	_, rest, found := bytes.Cut(body, mark)
	var out [][]byte
	for found {
		if bytes.HasPrefix(rest, []byte("--")) {
			return out, nil
		}
		if len(out) == MaxParts {
			return nil, fmt.Errorf("split body: more than %d parts", MaxParts)
		}
		_, piece, ok := bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			break
		}
		// The CRLF before the next boundary belongs to it, even in an empty part.
		piece, rest, found = bytes.Cut(append([]byte("\r\n"), piece...), mark)
		out = append(out, bytes.TrimPrefix(piece, []byte("\r\n")))
	}
	return nil, errors.New("split body: no closing boundary")
}

func readPart(piece []byte) Part {
	p := Part{ContentType: "text/plain"}
	head := append([]byte("\r\n"), piece...)
	head, body, _ := bytes.Cut(head, []byte("\r\n\r\n"))
	s := &scanned{}
	s.scanLines(strings.TrimPrefix(string(head), "\r\n"))
	p.Body = body
	for _, l := range s.lines {
		switch strings.ToLower(l.name) {
		case "content-type":
			p.ContentType, p.Params = parseMediaType(l.Value())
		case "content-disposition":
			if t, err := ParseToken(l.Value()); err == nil {
				p.Disposition = t
			}
		case "content-id":
			p.ContentID = strings.Trim(l.Value(), "<>")
		}
	}
	return p
}
