package ladder

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is one SIP message on the wire.
type Message struct {
	At       time.Time
	From, To string // host:port, or any name
	Raw      []byte
}

// Party is a column: its name, and the addresses that belong to it (host:port,
// or a host alone for all its ports).
type Party struct {
	Name      string
	Addresses []string
}

// Options say how a ladder is drawn.
type Options struct {
	Title   string
	Parties []Party  // columns from left to right; others follow as they come
	Show    []string // header fields that are shown below their message
	Bodies  bool     // shows direction and codecs of session descriptions, and what a NOTIFY tells
	Without []string // methods that are left out with their answers, keepalives for instance
}

const (
	gap      = 44  // from one column to the next
	maxLabel = 200 // of a shown value, in runes
)

// Render draws the messages in their order.
func Render(msgs []Message, o Options) string {
	d := drawing{o: o, names: newNames(), columns: map[string]int{}}
	for _, p := range o.Parties {
		d.column(p.Name)
	}
	var kept []Message
	for _, m := range msgs {
		if slices.Contains(o.Without, read(m.Raw).method()) {
			continue
		}
		kept = append(kept, m)
		d.column(d.party(m.From))
		d.column(d.party(m.To))
	}
	if o.Title != "" {
		fmt.Fprintf(&d.out, "# %s\n", clean(o.Title))
	}
	d.head()
	for _, m := range kept {
		d.message(m, kept[0].At)
	}
	return d.out.String()
}

type drawing struct {
	o       Options
	out     strings.Builder
	names   *names
	columns map[string]int
	order   []string
}

// party is the name of the column that an address belongs to.
func (d *drawing) party(addr string) string {
	host := addr
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		host = strings.Trim(addr[:i], "[]")
	}
	for _, want := range []string{addr, host} {
		for _, p := range d.o.Parties {
			if slices.Contains(p.Addresses, want) {
				return p.Name
			}
		}
	}
	return clean(addr)
}

func (d *drawing) column(name string) int {
	at, ok := d.columns[name]
	if !ok {
		at = len(d.order)
		d.columns[name] = at
		d.order = append(d.order, name)
	}
	return at
}

func (d *drawing) head() {
	line := "      ms  "
	for i, name := range d.order {
		if i < len(d.order)-1 {
			name = pad(name, gap, ' ')
		}
		line += name
	}
	d.out.WriteString(strings.TrimRight(line, " ") + "\n")
}

func (d *drawing) message(m Message, start time.Time) {
	h := read(m.Raw)
	from, to := d.columns[d.party(m.From)], d.columns[d.party(m.To)]
	asker := from
	if !h.isRequest() {
		asker = to
	}
	fmt.Fprintf(&d.out, "%8d  %s\n", m.At.Sub(start).Milliseconds(), d.arrow(d.label(h, asker), from, to))
	for _, line := range d.details(h) {
		d.out.WriteString(strings.Repeat(" ", 10+min(from, to)*gap+4) + line + "\n")
	}
}

func (d *drawing) arrow(label string, from, to int) string {
	left, right := min(from, to), max(from, to)
	if left == right {
		return bars(left) + "|-> " + label
	}
	room := (right-left)*gap - 1
	text := label
	if n := utf8.RuneCountInString(text); n > room-6 {
		text = string([]rune(text)[:room-7]) + "…"
	}
	var body string
	if from < to {
		body = "-- " + text + " "
		body = pad(body, room-1, '-') + ">"
	} else {
		body = "<- " + text + " "
		body = pad(body, room, '-')
	}
	return bars(left) + "|" + body + "|" + strings.TrimRight(tail(len(d.order)-1-right), " ")
}

func bars(n int) string { return strings.Repeat("|"+strings.Repeat(" ", gap-1), n) }
func tail(n int) string { return strings.Repeat(strings.Repeat(" ", gap-1)+"|", n) }

func pad(s string, width int, with rune) string {
	if n := width - utf8.RuneCountInString(s); n > 0 {
		return s + strings.Repeat(string(with), n)
	}
	return s
}

// label is the message in one line: what it is and to which dialog it belongs.
// asker is the column that sent the request.
func (d *drawing) label(h head, asker int) string {
	if h.broken {
		return clean("(no SIP) " + h.first)
	}
	what := h.first
	if h.isRequest() {
		method, uri, _ := strings.Cut(strings.TrimSuffix(h.first, " SIP/2.0"), " ")
		what = method + " " + d.names.uri(uri)
	} else {
		what = strings.TrimPrefix(what, "SIP/2.0 ")
	}
	cseq := strings.Fields(h.get("CSeq"))
	ref := d.names.callID(h.get("Call-ID"))
	if len(cseq) == 2 {
		ref += " " + d.names.sequence(h.get("Call-ID"), asker, cseq[0])
		if !h.isRequest() {
			ref += " " + cseq[1]
		}
	}
	return clean(what + " (" + ref + ")")
}

func (d *drawing) details(h head) []string {
	var lines []string
	for _, want := range d.o.Show {
		for _, f := range h.fields {
			if strings.EqualFold(f.name, want) {
				lines = append(lines, clean(f.name+": "+d.names.value(f.name, f.value)))
			}
		}
	}
	if body := h.summary(); d.o.Bodies && body != "" {
		lines = append(lines, clean(body))
	}
	return lines
}

// Merge joins the messages of several traces in the order of their times. A
// message that was seen at both ends is kept once, as its sender saw it.
func Merge(traces ...[]Message) []Message {
	var all []Message
	for _, t := range traces {
		all = append(all, t...)
	}
	slices.SortStableFunc(all, func(a, b Message) int { return a.At.Compare(b.At) })
	type key struct{ from, to, raw string }
	seen := map[key]int{}
	kept := all[:0:0]
	for _, m := range all {
		k := key{m.From, m.To, string(m.Raw)}
		if at, ok := seen[k]; ok && m.At.Sub(kept[at].At) < sameMessage {
			continue
		}
		seen[k] = len(kept)
		kept = append(kept, m)
	}
	return kept
}

// sameMessage is the longest that one message is on its way; a retransmission
// comes later than that.
const sameMessage = 400 * time.Millisecond
