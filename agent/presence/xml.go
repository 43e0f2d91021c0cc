package presence

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Bounds of a document.
const (
	maxBody     = 64 << 10 // bytes
	maxDepth    = 16
	maxElements = 2000
	maxText     = 200 // characters of a note
)

// element is one element of a document; names are local, in their own case.
type element struct {
	name     string
	attrs    map[string]string
	text     string // of its own, trimmed
	children []*element
}

// parse reads a document whose root has that name.
func parse(body []byte, root string) (*element, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("%d bytes, over %d", len(body), maxBody)
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	holder, count := &element{}, 0
	stack := []*element{holder}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.Directive:
			return nil, errors.New("a document type, which nobody needs here")
		case xml.StartElement:
			if count++; count > maxElements || len(stack) > maxDepth {
				return nil, fmt.Errorf("more than %d elements, or %d levels", maxElements, maxDepth)
			}
			e := &element{name: t.Name.Local, attrs: map[string]string{}}
			for _, a := range t.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			top.text = strings.TrimSpace(top.text)
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(top.text) < 4*maxText {
				top.text += string(t[:min(len(t), 4*maxText)])
			}
		}
	}
	if len(holder.children) != 1 || holder.children[0].name != root {
		return nil, fmt.Errorf("its root is not %s", root)
	}
	return holder.children[0], nil
}

// all are the children with that name.
func (e *element) all(name string) []*element {
	var list []*element
	for _, c := range e.children {
		if c.name == name {
			list = append(list, c)
		}
	}
	return list
}

// within are the elements with that name at any depth below.
func (e *element) within(name string) []*element {
	list := e.all(name)
	for _, c := range e.children {
		list = append(list, c.within(name)...)
	}
	return list
}

// line is a text as one short line without control characters.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	runes := []rune(strings.Join(strings.Fields(s), " "))
	return string(runes[:min(len(runes), maxText)])
}
