package ladder

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// names puts short stable names in place of what is random in a message.
type names struct {
	given map[string]map[string]string // kind -> value -> name
	first map[string]int64             // dialog and asker -> its first CSeq
}

func newNames() *names {
	return &names{given: map[string]map[string]string{}, first: map[string]int64{}}
}

// sequence counts the CSeq numbers of one side of a dialog from 1: where they
// begin is random (RFC 3261 8.1.1.5).
func (n *names) sequence(callID string, asker int, cseq string) string {
	number, err := strconv.ParseInt(cseq, 10, 64)
	if err != nil {
		return clean(cseq)
	}
	key := fmt.Sprint(asker, " ", callID)
	if _, ok := n.first[key]; !ok {
		n.first[key] = number
	}
	return strconv.FormatInt(number-n.first[key]+1, 10)
}

func (n *names) name(kind, value string) string {
	if value == "" {
		return kind + "?"
	}
	if n.given[kind] == nil {
		n.given[kind] = map[string]string{}
	}
	short, ok := n.given[kind][value]
	if !ok {
		short = fmt.Sprint(kind, len(n.given[kind])+1)
		n.given[kind][value] = short
	}
	return short
}

func (n *names) callID(id string) string { return n.name("c", id) }

// Parameters whose values are random or secret. A value is quoted or a token.
var (
	random = regexp.MustCompile(`(?i)\b(tag|from-tag|to-tag|branch|nonce|cnonce|nextnonce|opaque|call-id)(=|%3D)("[^"]*"|[^\s;,>&"%]+)`)
	secret = regexp.MustCompile(`(?i)\b(response|rspauth|password|inline|key)([=:])("[^"]*"|[^\s;,>&"]+)`)
	// A host's port and a Contact's user are picked at random by some.
	port     = regexp.MustCompile(`(@|sip:|sips:|\[[0-9a-fA-F:]+\]|\d\.\d+\.\d+\.\d+)(:\d{1,5})\b`)
	replaces = regexp.MustCompile(`(?i)(Replaces=)([^;%>&]+(?:%40[^;%>&]+)?)`)
	instance = regexp.MustCompile(`(?i)\burn:uuid:([0-9a-f-]{36})`)
	digits   = regexp.MustCompile(`(?i)(Signal\s*=\s*)\S+`)
)

// longest is how much of a value is looked at, in bytes.
const longest = 2000

func (n *names) value(header, v string) string {
	v = secret.ReplaceAllString(v, "${1}${2}***")
	v = digits.ReplaceAllString(v, "${1}***")
	if strings.EqualFold(header, "Replaces") {
		id, rest, _ := strings.Cut(v, ";")
		v = n.callID(strings.TrimSpace(id)) + ";" + rest
	}
	return n.uri(v)
}

// uri normalises what is random inside a URI or a header's value.
func (n *names) uri(v string) string {
	v = v[:min(len(v), longest)]
	v = replaces.ReplaceAllStringFunc(v, func(m string) string {
		key, id, _ := strings.Cut(m, "=")
		return key + "=" + n.callID(strings.ReplaceAll(id, "%40", "@"))
	})
	v = random.ReplaceAllStringFunc(v, func(m string) string {
		part := random.FindStringSubmatch(m)
		kind := "n"
		switch strings.ToLower(part[1]) {
		case "tag", "from-tag", "to-tag":
			kind = "t"
		case "branch":
			kind = "b"
		case "call-id":
			kind = "c"
		}
		return part[1] + part[2] + n.name(kind, strings.Trim(part[3], `"`))
	})
	v = instance.ReplaceAllStringFunc(v, func(m string) string { return "urn:uuid:" + n.name("u", m) })
	return port.ReplaceAllString(v, "${1}")
}
