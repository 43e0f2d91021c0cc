package presence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// info is a dialog-info document.
func info(version int, state string, dialogs ...string) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state=%q entity="sip:1002@pbx">%s</dialog-info>`,
		version, state, strings.Join(dialogs, ""))
}

func dialog(id, direction, state string) string {
	if direction != "" {
		direction = ` direction="` + direction + `"`
	}
	return fmt.Sprintf(`<dialog id=%q%s><state>%s</state></dialog>`, id, direction, state)
}

// heldDialog is a confirmed one in which he renders nothing.
const heldDialog = `<dialog id="h"><state>confirmed</state><local><target uri="sip:1002@pbx"><param pname="+sip.rendering" pval="no"/></target></local></dialog>`

func TestDialogs(t *testing.T) {
	for name, c := range map[string]struct {
		docs [][]byte
		want Presence
	}{
		"nothing yet":            {nil, Presence{State: Unknown}},
		"no dialog":              {[][]byte{info(0, "full")}, Presence{State: Idle}},
		"confirmed":              {[][]byte{info(0, "full", dialog("a", "", "confirmed"))}, Presence{State: Busy}},
		"terminated":             {[][]byte{info(0, "full", dialog("a", "", "terminated"))}, Presence{State: Idle}},
		"he is called":           {[][]byte{info(0, "full", dialog("a", "recipient", "early"))}, Presence{State: Ringing}},
		"he is called, at first": {[][]byte{info(0, "full", dialog("a", "recipient", "trying"))}, Presence{State: Ringing}},
		"he calls":               {[][]byte{info(0, "full", dialog("a", "initiator", "early"))}, Presence{State: Busy}},
		"he begins to call":      {[][]byte{info(0, "full", dialog("a", "initiator", "trying"))}, Presence{State: Busy}},
		"proceeding":             {[][]byte{info(0, "full", dialog("a", "initiator", "proceeding"))}, Presence{State: Busy}},
		"no direction":           {[][]byte{info(0, "full", dialog("a", "", "early"))}, Presence{State: Ringing}},
		"an unknown state":       {[][]byte{info(0, "full", dialog("a", "", "dreaming"))}, Presence{State: Unknown}},
		"no state":               {[][]byte{info(0, "full", `<dialog id="a"/>`)}, Presence{State: Unknown}},
		"unknown, and talks":     {[][]byte{info(0, "full", dialog("a", "", "dreaming"), dialog("b", "", "confirmed"))}, Presence{State: Busy}},
		"unknown, and is over":   {[][]byte{info(4, "full", dialog("a", "", "dreaming")), info(5, "partial", dialog("a", "", "terminated"))}, Presence{State: Idle}},
		"talks, and is called":   {[][]byte{info(0, "full", dialog("a", "recipient", "early"), dialog("b", "", "confirmed"))}, Presence{State: Busy}},
		"on hold":                {[][]byte{info(0, "full", heldDialog)}, Presence{State: Busy, Note: "on hold"}},
		"one on hold, one talks": {[][]byte{info(0, "full", heldDialog, dialog("a", "", "confirmed"))}, Presence{State: Busy}},
		"a partial one adds":     {[][]byte{info(4, "full"), info(5, "partial", dialog("a", "", "confirmed"))}, Presence{State: Busy}},
		"a partial one keeps the others": {[][]byte{info(4, "full", dialog("a", "", "confirmed")), info(5, "partial", dialog("b", "recipient", "early")),
			info(6, "partial", dialog("b", "recipient", "terminated"))}, Presence{State: Busy}},
		"a partial one ends the last": {[][]byte{info(4, "full", dialog("a", "", "confirmed")), info(5, "partial", dialog("a", "", "terminated"))}, Presence{State: Idle}},
		"an old partial one":          {[][]byte{info(4, "full"), info(4, "partial", dialog("a", "", "confirmed")), info(2, "partial", dialog("a", "", "confirmed"))}, Presence{State: Idle}},
		"a full one ends all":         {[][]byte{info(4, "full", dialog("a", "", "confirmed")), info(9, "full")}, Presence{State: Idle}},
		"a restarted notifier":        {[][]byte{info(40, "full", dialog("a", "", "confirmed")), info(0, "full")}, Presence{State: Idle}},
	} {
		var d Dialogs
		for _, doc := range c.docs {
			if err := d.Read(doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := d.Presence(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestDialogs_MissedDocuments(t *testing.T) {
	var d Dialogs
	if err := d.Read(info(3, "partial", dialog("a", "", "confirmed"))); !errors.Is(err, ErrGap) {
		t.Errorf("partial at first: %v", err)
	}
	if err := d.Read(info(3, "full", dialog("a", "", "confirmed"))); err != nil {
		t.Fatal(err)
	}
	if err := d.Read(info(5, "partial", dialog("a", "", "terminated"))); !errors.Is(err, ErrGap) {
		t.Errorf("4 is missing: %v", err)
	}
	if got := d.Presence().State; got != Busy {
		t.Errorf("what was known is lost: %s", got)
	}
}

// hostile documents, each with a word of the error.
func hostile() map[string]struct{ doc, says string } {
	deep := strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000)
	return map[string]struct{ doc, says string }{
		"empty":            {"", "root"},
		"no xml":           {"busy", "root"},
		"not closed":       {`<dialog-info version="1" state="full">`, "EOF"},
		"another root":     {`<presence version="1"/>`, "root"},
		"two roots":        {`<dialog-info version="1" state="full"/><dialog-info version="1" state="full"/>`, "root"},
		"no version":       {`<dialog-info state="full"/>`, "version"},
		"negative version": {`<dialog-info version="-1" state="full"/>`, "version"},
		"no state":         {`<dialog-info version="1"/>`, "full nor partial"},
		"too deep":         {`<dialog-info version="1" state="full">` + deep + `</dialog-info>`, "levels"},
		"too many":         {`<dialog-info version="1" state="full">` + strings.Repeat("<a/>", 5000) + `</dialog-info>`, "elements"},
		"too large":        {`<dialog-info version="1" state="full">` + strings.Repeat(" ", 70000) + `</dialog-info>`, "bytes"},
		"too many dialogs": {string(info(1, "full", manyDialogs(101)...)), "dialogs"},
		"billion laughs":   {`<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><dialog-info version="1" state="full">&b;</dialog-info>`, "document type"},
		"an entity":        {`<dialog-info version="1" state="full">&xxe;</dialog-info>`, "entity"},
		"another charset":  {`<?xml version="1.0" encoding="Shift_JIS"?><dialog-info version="1" state="full"/>`, "encoding"},
		"bad utf-8":        {"<dialog-info version=\"1\" state=\"full\">\xff</dialog-info>", "UTF-8"},
	}
}

func manyDialogs(n int) []string {
	var list []string
	for i := range n {
		list = append(list, dialog(fmt.Sprint(i), "", "confirmed"))
	}
	return list
}

func TestDialogs_Hostile(t *testing.T) {
	for name, c := range hostile() {
		var d Dialogs
		if err := d.Read([]byte(c.doc)); err == nil || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 300 {
			t.Errorf("%s: %v", name, err)
		}
		if got := d.Presence().State; got != Unknown {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// pidf is a presence document as Asterisk writes it.
func pidf(basic, activity, note string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<presence entity="sip:1001@pbx" xmlns="urn:ietf:params:xml:ns:pidf" xmlns:pp="urn:ietf:params:xml:ns:pidf:person" xmlns:es="urn:ietf:params:xml:ns:pidf:rpid:status:rpid-status" xmlns:ep="urn:ietf:params:xml:ns:pidf:rpid:rpid-person">
 <note>` + note + `</note>
 <tuple id="1002"><status><basic>` + basic + `</basic></status><contact priority="1">sip:1002@pbx</contact></tuple>
 <pp:person><status><ep:activities><ep:` + activity + `/></ep:activities></status></pp:person>
</presence>`
}

func TestReadPIDF(t *testing.T) {
	for name, c := range map[string]struct {
		doc  string
		want Presence
	}{
		"Asterisk: ready":       {strings.Replace(pidf("open", "x", "Ready"), "<ep:x/>", "", 1), Presence{Idle, "Ready"}},
		"Asterisk: ringing":     {pidf("open", "busy", "Ringing"), Presence{Ringing, "Ringing"}},
		"Asterisk: in use":      {pidf("open", "busy", "On the phone"), Presence{Busy, "On the phone"}},
		"Asterisk: busy":        {pidf("closed", "busy", "On the phone"), Presence{Busy, "On the phone"}},
		"Asterisk: on hold":     {pidf("closed", "busy", "On hold"), Presence{Busy, "On hold"}},
		"Asterisk: unavailable": {pidf("closed", "away", "Unavailable"), Presence{Offline, "Unavailable"}},
		"at lunch":              {pidf("open", "meal", "昼休み"), Presence{Away, "昼休み"}},
		"in a meeting":          {pidf("open", "meeting", ""), Presence{Busy, ""}},
		"several lines":         {pidf("open", "other", " back\n\tat  3\x20"), Presence{Idle, "back at 3"}},
		"two phones, one open": {`<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple id="a"><status><basic>closed</basic></status></tuple>` +
			`<tuple id="b"><status><basic>open</basic></status><note>desk</note></tuple></presence>`, Presence{Idle, "desk"}},
		"nothing":         {`<presence xmlns="urn:ietf:params:xml:ns:pidf"/>`, Presence{Unknown, ""}},
		"only a note":     {`<presence><note>ringing</note></presence>`, Presence{Unknown, "ringing"}},
		"only an absence": {`<presence><tuple id="a"><status><basic>closed</basic></status></tuple></presence>`, Presence{Offline, ""}},
	} {
		got, err := ReadPIDF([]byte(c.doc))
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, want %+v (%v)", name, got, c.want, err)
		}
	}
	for _, name := range []string{"empty", "no xml", "not closed", "two roots", "too deep", "too many", "too large", "billion laughs", "an entity", "another charset", "bad utf-8"} {
		c := hostile()[name]
		if _, err := ReadPIDF([]byte(strings.ReplaceAll(c.doc, "dialog-info", "presence"))); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAsterisk reads what Asterisk 22 sent in the interop test: the state is in the
// file's name. Its dialogs do not tell a phone that is not there.
func TestAsterisk(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "asterisk22-*.xml"))
	if err != nil || len(files) != 7 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kind, want, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "asterisk22-"), ".xml"), "-")
		var got Presence
		if kind == "pidf" {
			got, err = ReadPIDF(body)
		} else {
			var d Dialogs
			err = d.Read(body)
			got = d.Presence()
		}
		if err != nil || string(got.State) != want {
			t.Errorf("%s: %+v, %v", file, got, err)
		}
	}
}

func TestMerge(t *testing.T) {
	if got := Merge(); got.State != Unknown {
		t.Errorf("none: %+v", got)
	}
	if got := Merge(Presence{State: Offline}, Presence{Busy, "first"}, Presence{Busy, "second"}, Presence{State: Idle}); got != (Presence{Busy, "first"}) {
		t.Errorf("%+v", got)
	}
}

// seeds are real documents: those of testdata, and what the tests use.
func seeds(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*.xml"))
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil {
			f.Add(raw)
		}
	}
	for _, c := range hostile() {
		f.Add([]byte(c.doc))
	}
	f.Add([]byte(pidf("open", "busy", "Ringing")))
	f.Add(info(5, "partial", dialog("a", "initiator", "early"), heldDialog))
}

func FuzzReaders(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		d := Dialogs{told: true, version: 4, open: map[string]call{"a": {state: Busy}}}
		before := d.Presence()
		if err := d.Read(body); err != nil && d.Presence() != before {
			t.Errorf("an error changed %+v to %+v", before, d.Presence())
		}
		if len(d.open) > maxDialogs || rank(d.Presence().State) < 0 {
			t.Errorf("%d dialogs, %+v", len(d.open), d.Presence())
		}
		p, err := ReadPIDF(body)
		if err == nil && (rank(p.State) < 0 || utf8.RuneCountInString(p.Note) > maxText || !utf8.ValidString(p.Note) || strings.ContainsAny(p.Note, "\n\r\t\x00\x1b")) {
			t.Errorf("%+v", p)
		}
	})
}
