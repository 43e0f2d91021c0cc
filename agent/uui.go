package agent

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"ringback/sip"
)

// decodeUUI reads a User-to-User header (RFC 7433 4.1): elements separated by
// commas, each a token or a quoted text with parameters. Without encoding=ascii
// an element is hex where it can be; a leading protocol discriminator octet
// (Q.931: 00 or 04) is dropped.
func decodeUUI(value string) []string {
	var texts []string
	for _, element := range splitQuoted(value, ',') {
		fields := splitQuoted(element, ';')
		if len(fields) == 0 {
			continue
		}
		data := strings.TrimSpace(fields[0])
		encoding := ""
		for _, param := range fields[1:] {
			name, text, _ := strings.Cut(param, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "encoding":
				encoding = strings.ToLower(strings.Trim(strings.TrimSpace(text), `"`))
			case "purpose", "content":
			default:
				if strings.Contains(data, "=") { // bare k=v;k=v, as some PBXs write it
					data += ";" + strings.TrimSpace(param)
				}
			}
		}
		if text := decodeUUIData(data, encoding); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

func decodeUUIData(data, encoding string) string {
	quoted := strings.HasPrefix(data, `"`)
	data = unquote(data)
	if raw, err := hex.DecodeString(data); err == nil && !quoted && encoding != "ascii" && len(raw) > 0 {
		if len(raw) > 1 && (raw[0] == 0x00 || raw[0] == 0x04) {
			raw = raw[1:]
		}
		if utf8.Valid(raw) {
			return string(raw)
		}
		return data
	}
	return sip.DecodeText(data)
}

// unquote takes the quotes of a quoted-string away, and its escapes.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i < len(s)-2 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// splitQuoted splits at a separator outside of quotes.
func splitQuoted(s string, separator byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}
