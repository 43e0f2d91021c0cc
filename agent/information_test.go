package agent

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
)

const exampleFile = "../testdata/config/agent.yaml"

func exampleOf(t *testing.T) Config {
	t.Helper()
	c, err := LoadConfig(LoadOptions{Path: exampleFile, Getenv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestExampleConfiguration holds the configuration that ships: it loads, and it
// explains every setting that there is.
func TestExampleConfiguration(t *testing.T) {
	c := exampleOf(t)
	if len(c.Information.Case) != 4 || len(c.Team) != 3 || c.Numbers.Region != "JP" || c.Account.Display != "佐藤 花子" {
		t.Errorf("%+v", c)
	}
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	section := map[string]string{} // the lines of each section
	name := ""
	for line := range strings.Lines(string(text)) {
		if key, _, found := strings.Cut(line, ":"); found && strings.TrimLeft(key, " #") == key {
			name = key
		}
		section[name] += strings.TrimLeft(line, " #-{")
	}
	for _, field := range Fields() {
		at, key, nested := strings.Cut(field, ".")
		if !nested {
			key = at
		}
		if !strings.Contains("\n"+section[at], "\n"+key+":") {
			t.Errorf("the example does not explain %s", field)
		}
	}
	for _, field := range append(callbackFactNames(), "data.NAME", "contact.NAME", "case.NAME") {
		if !strings.Contains(section["information"], field) {
			t.Errorf("the example does not name the field %s", field)
		}
	}
}

func callbackFactNames() []string {
	var names []string
	for _, f := range callbackFacts {
		names = append(names, f.name)
	}
	return names
}

func rowsText(rows []InfoRow) string {
	var lines []string
	for _, r := range rows {
		text := fmt.Sprintf("%s=%s", r.Label, r.Value)
		if r.Editable {
			text += " (editable)"
		}
		if r.Link != "" {
			text += " -> " + r.Link
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

func TestInformation(t *testing.T) {
	c := exampleOf(t).Information
	at := time.Date(2026, 11, 25, 6, 30, 0, 0, time.UTC)
	in := &InteractionState{Contact: Contact{Name: "山田 太郎", Number: "+81312345678", Known: Known{Shown: "03-1234-5678"}},
		Case:     map[string]any{"customer_no": "A/1 ?", "invoice_amount": 1200, "hidden": "x"},
		Callback: &Callback{Reason: "請求書", DesiredTime: &at, Timezone: time.Local.String(), Attempt: 2, Data: map[string]any{"campaign": "冬"}}}
	info, toast := c.info(in)
	for _, row := range []struct{ what, got, want string }{
		{"case", rowsText(info.Case), "お客様番号=A/1 ? -> https://crm.example.com/customers/A%2F1%20%3F\n商品= (editable)\n契約= (editable)\n請求額=1200"},
		{"callback", rowsText(info.Callback), "用件=請求書\n希望日時=" + at.Local().Format("2006年1月2日") + "（水） " + at.Local().Format("15:04") + "\n試行回数=2\nキャンペーン=冬"},
		{"toast", rowsText(toast), "名前=山田 太郎\n電話番号=03-1234-5678\n用件=請求書\nお客様=A/1 ? -> https://crm.example.com/customers/A%2F1%20%3F"},
	} {
		if row.got != row.want {
			t.Errorf("%s\n%s\nwant\n%s", row.what, row.got, row.want)
		}
	}
	c.Language = "en"
	info, _ = c.info(in)
	if got := rowsText(info.Case[:2]); !strings.HasPrefix(got, "Customer number=") || !strings.Contains(got, "Product= (editable)") {
		t.Errorf("in English: %s", got)
	}
	if got := rowsText(info.Callback); !strings.Contains(got, "Desired time=Wed 25 Nov 2026 ") {
		t.Errorf("in English: %s", got)
	}
	// nothing configured: everything, and links that values are themselves
	plain := DefaultConfig().Information
	in.Case = map[string]any{"k": "v", "page": "https://example.com/x", "evil": "javascript:alert(1)"}
	info, _ = plain.info(in)
	if got, want := rowsText(info.Case), "evil=javascript:alert(1) (editable)\nk=v (editable)\npage=https://example.com/x (editable) -> https://example.com/x"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestInformation_ErrorsNamePlaceValueAndRemedy(t *testing.T) {
	for text, want := range map[string]string{
		"language: fr":                                          "information.language \"fr\": is not known; write one of en, ja",
		"callback: [{field: reasn}]":                            "information.callback[1].field \"reasn\": is not known; write one of type, name",
		"toast: [{field: contact.name}, {field: name}]":         "information.toast[2].field \"name\": is not known; write contact.NAME",
		"toast: [{field: contact.shoe}]":                        "write one of contact.name, contact.reading",
		"case: [{field: a, label: {fr: x}}]":                    "information.case[1].label \"fr\": is not known",
		"case: [{field: a, link: 'javascript:alert({value})'}]": "information.case[1].link \"javascript:alert({value})\": is no link",
		"callback: [{field: reason, editable: true}]":           "information.callback[1].editable \"true\": can only be so of case data",
		"case: [{field: a, editable: perhaps}]":                 "p.yaml:3:31: information.case[1].editable \"perhaps\": cannot be read; write true or false",
		"case: {field: a}":                                      "information.case \"{field: a}\": is no list",
		"case: [a]":                                             "information.case[1] \"a\": is no map",
		"case: [{field: a, colour: red}]":                       "unknown key",
	} {
		_, err := load(t, "account: {aor: 'sip:a@h'}\ninformation:\n  "+text+"\n", nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestStory_CaseDataIsEditedAsConfigured: the published rows follow, and what may not
// be edited is refused and changes nothing.
func TestStory_CaseDataIsEditedAsConfigured(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) { c.Information = exampleOf(t).Information }, func(b *bed) {
		b.offer(lab.Callback{ID: "cb-1", Name: "山田 太郎", Reason: "請求書", Data: map[string]any{"customer_no": "A1"}})
		b.wait(OfferReceived)
		if in := b.phase(PhaseOffered); rowsText(in.Toast) != "名前=山田 太郎\n電話番号=+81312345678\n用件=請求書\nお客様=A1" && !strings.Contains(rowsText(in.Toast), "お客様=A1") {
			t.Errorf("%s", rowsText(in.Toast))
		}
		b.do("accept", nil)
		b.wait(CallConnected)
		b.do("case", map[string]any{"values": map[string]string{"product": "光回線"}})
		err := b.fails("case", map[string]any{"values": map[string]string{"product": "x", "customer_no": "B2"}}, CodeInvalid)
		if !strings.Contains(err.Message, `the field "customer_no" cannot be changed`) || err.Hint != "those that can: product, contract" {
			t.Errorf("%v", err)
		}
		in := b.phase(PhaseConnected)
		if got := rowsText(in.Info.Case); !strings.Contains(got, "お客様番号=A1 -> https://crm.example.com/customers/A1") || !strings.Contains(got, "商品=光回線 (editable)") {
			t.Errorf("%s", got)
		}
	})
}
