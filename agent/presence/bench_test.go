package presence

import (
	"strings"
	"testing"
)

// BenchmarkRead: what a hostile PBX may make us do per NOTIFY; a budget of 5 ms
// (robustness.md 4).
func BenchmarkRead(b *testing.B) {
	attrs := strings.Repeat(" a='b'", 100)
	for name, doc := range map[string]string{
		"doc=usual":    string(info(1, "full", dialog("a", "recipient", "early"), heldDialog)),
		"doc=elements": `<dialog-info version="1" state="full">` + strings.Repeat("<a/>", 1900) + `</dialog-info>`,
		"doc=dialogs":  string(info(1, "full", manyDialogs(100)...)),
		"doc=deep":     `<dialog-info version="1" state="full">` + strings.Repeat(strings.Repeat("<a>", 14)+strings.Repeat("</a>", 14), 250) + `</dialog-info>`,
		"doc=attrs":    `<dialog-info version="1" state="full">` + strings.Repeat("<a"+attrs+"/>", 100) + `</dialog-info>`,
		"doc=comments": `<dialog-info version="1" state="full">` + strings.Repeat("<!---->x", 8000) + `</dialog-info>`,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var d Dialogs
				_ = d.Read([]byte(doc))
				_, _ = ReadPIDF([]byte(doc))
			}
		})
	}
}
