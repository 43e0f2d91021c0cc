package sip

import "strings"

// redact takes secrets out of a message's text: credentials, nonces, SRTP keys, ICE
// passwords, fingerprints, passwords in URIs, digits. It reads each byte a fixed number of
// times, because it runs on the goroutine that reads from the network, before anybody
// knows whether the message is one.
func redact(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 64)
	var r redactor
	for len(text) > 0 {
		line, end := cutTextLine(text)
		text = text[len(line)+len(end):]
		if r.digits && line == "" { // what follows is the digit itself
			b.WriteString(end)
			if text != "" {
				b.WriteString(masked)
			}
			break
		}
		r.body = r.body || line == ""
		if shown, ok := r.line(line); ok {
			b.WriteString(shown)
			b.WriteString(end)
		}
	}
	return b.String()
}

// cutTextLine is the first line of a text and its end, which may be missing.
func cutTextLine(text string) (line, end string) {
	i := strings.IndexByte(text, '\n')
	switch {
	case i < 0:
		return text, ""
	case i > 0 && text[i-1] == '\r':
		return text[:i-1], text[i-1 : i+1]
	}
	return text[:i], text[i : i+1]
}

// redactor is what is known from the lines before.
type redactor struct {
	hidden bool // the header is secret, and so are its folds
	nonces bool // the header has nonces, and so may its folds
	digits bool // the body is a digit
	relay  bool // the body is an application/dtmf-relay
	body   bool // the headers are over
}

// line is what is shown of a line; false: nothing, not even its end.
func (r *redactor) line(line string) (string, bool) {
	if line != "" && (line[0] == ' ' || line[0] == '\t') {
		switch {
		case r.hidden:
			return "", false
		case r.nonces:
			line = hideNonces(line)
		}
		return hidePasswords(hideSignal(line)), true
	}
	if r.relay && r.body && line != "" && strings.IndexByte(line, '=') < 0 { // as some send it: the digit alone
		return masked, true
	}
	*r = redactor{digits: r.digits, relay: r.relay, body: r.body}
	name, value, isHeader := strings.Cut(line, ":")
	switch bare := strings.TrimRight(name, " \t"); {
	case isAny(bare, "Authorization", "Proxy-Authorization"):
		r.hidden = true // also where the colon stands behind a fold
		if !isHeader {
			return line, true
		}
		return name + ":" + schemeOf(value) + " " + masked, true
	case isAny(bare, "Authentication-Info", "Proxy-Authentication-Info"):
		r.hidden = true
		if !isHeader {
			return line, true
		}
		return name + ": " + masked, true
	case isAny(bare, "WWW-Authenticate", "Proxy-Authenticate"):
		r.nonces = true
		line = hideNonces(line)
	case isHeader && isAny(bare, "Content-Type", "c"):
		r.digits = r.digits || contentType(value) == "application/dtmf"
		r.relay = r.relay || contentType(value) == "application/dtmf-relay"
	default:
		line = hideSignal(hideSDP(line))
	}
	return hidePasswords(line), true
}

func isAny(name string, set ...string) bool {
	for _, s := range set {
		if strings.EqualFold(name, s) {
			return true
		}
	}
	return false
}

// schemeOf is the scheme of an Authorization value, with a blank before it, where it is
// one that is known: whatever else stands there may be the secret itself.
func schemeOf(value string) string {
	word, _, _ := strings.Cut(strings.TrimLeft(value, " \t"), " ")
	if isAny(word, "Digest", "Basic", "Bearer") {
		return " " + word
	}
	return ""
}

// foldIndex is where a word, in lower case, begins in s; -1: nowhere.
func foldIndex(s, word string) int {
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i]|0x20 == word[0]|0x20 && strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// hideNonces masks the value behind each nonce=, quoted or not.
func hideNonces(line string) string {
	const word = "nonce="
	var b strings.Builder
	for {
		i := foldIndex(line, word)
		if i < 0 {
			b.WriteString(line)
			return b.String()
		}
		b.WriteString(line[:i+len(word)])
		rest := line[i+len(word):]
		end := strings.IndexAny(rest, ", \t")
		if strings.HasPrefix(rest, `"`) {
			if end = strings.IndexByte(rest[1:], '"'); end >= 0 {
				end += 2
			}
		}
		if end < 0 {
			end = len(rest)
		}
		b.WriteString(`"` + masked + `"`)
		line = rest[end:]
	}
}

// hideSDP masks what keys a line of a session description has.
func hideSDP(line string) string {
	for _, prefix := range [...]string{"k=", "a=ice-pwd:", "a=fingerprint:"} {
		if len(line) > len(prefix) && strings.EqualFold(line[:len(prefix)], prefix) {
			return line[:len(prefix)] + masked
		}
	}
	const crypto, inline = "a=crypto:", "inline:"
	if len(line) < len(crypto) || !strings.EqualFold(line[:len(crypto)], crypto) {
		return line
	}
	i := foldIndex(line, inline)
	if i < 0 {
		return line
	}
	key := line[i+len(inline):]
	end := strings.IndexAny(key, " \t")
	if end < 0 {
		end = len(key)
	}
	return line[:i+len(inline)] + masked + key[end:]
}

// hideSignal masks the digit of an application/dtmf-relay.
func hideSignal(line string) string {
	const word = "signal"
	rest := strings.TrimLeft(line, " \t")
	if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
		return line
	}
	rest = strings.TrimLeft(rest[len(word):], " \t")
	if !strings.HasPrefix(rest, "=") {
		return line
	}
	digit := strings.TrimLeft(rest[1:], " \t")
	if digit == "" {
		return line
	}
	end := strings.IndexAny(digit, " \t")
	if end < 0 {
		end = len(digit)
	}
	return line[:len(line)-len(digit)] + masked + digit[end:]
}

// hidePasswords masks the password of each SIP URI in a line.
func hidePasswords(line string) string {
	if strings.IndexByte(line, '@') < 0 {
		return line
	}
	var b strings.Builder
	done, stop := 0, -1 // written so far; the next byte that ends a password, from where it was sought
	for i := 0; i < len(line); i++ {
		if line[i] != ':' || !endsInScheme(line[:i]) {
			continue
		}
		user := i + 1
		for user < len(line) && strings.IndexByte(" \t:@<>\"", line[user]) < 0 {
			user++
		}
		if user == i+1 || user == len(line) || line[user] != ':' {
			continue
		}
		if stop <= user {
			if stop = strings.IndexAny(line[user+1:], " \t@<>\""); stop < 0 {
				break
			}
			stop += user + 1
		}
		if line[stop] == '@' && stop > user+1 {
			b.WriteString(line[done : user+1])
			b.WriteString(masked)
			done, i = stop, stop
		}
	}
	b.WriteString(line[done:])
	return b.String()
}

// endsInScheme says that s ends in sip or sips.
func endsInScheme(s string) bool {
	for _, scheme := range [...]string{"sip", "sips"} {
		if len(s) >= len(scheme) && strings.EqualFold(s[len(s)-len(scheme):], scheme) {
			return true
		}
	}
	return false
}
