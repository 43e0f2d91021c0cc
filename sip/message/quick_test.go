package message

import (
	"os"
	"strings"
	"testing"
)

// TestQuickReaders compares what reads or counts without keeping anything with what
// keeps it, on every torture message that is admitted.
func TestQuickReaders(t *testing.T) {
	files, err := os.ReadDir("../../testdata/rfc4475")
	if err != nil {
		t.Fatal(err)
	}
	admitted := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".dat") {
			continue
		}
		m, err := Parse(readTorture(t, "rfc4475/"+f.Name()))
		if err != nil {
			continue
		}
		admitted++
		if size, bytes := Size(m), Bytes(m); size != len(bytes) {
			t.Errorf("%s: size %d of %d bytes", f.Name(), size, len(bytes))
		}
		vias, err := Vias(m)
		branch, ok := OnlyBranch(m)
		if want := err == nil && len(vias) == 1; ok != want || ok && branch != vias[0].Branch() {
			t.Errorf("%s: branch %q %v of %d hops", f.Name(), branch, ok, len(vias))
		}
		req, ok := m.(*Request)
		if !ok {
			continue
		}
		if got, _ := ParseURI(req.Recipient.String()); got.String() != RequestURI(req).String() {
			t.Errorf("%s: Request-URI %v, want %v", f.Name(), RequestURI(req), got)
		}
		res := NewResponse(req, 200, "", "tag")
		if size, bytes := Size(res), Bytes(res); size != len(bytes) {
			t.Errorf("%s: answer of size %d of %d bytes", f.Name(), size, len(bytes))
		}
	}
	if admitted < 10 {
		t.Errorf("only %d messages were admitted", admitted)
	}
}

func TestAnswerPort(t *testing.T) {
	for via, want := range map[string]uint16{
		"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1":         5070,
		"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1":              5060,
		"SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK1":   0,
		"SIP/2.0/UDP 192.0.2.1:5070;RPORT=5080":              0,
		"SIP/2.0/UDP 192.0.2.1:5070;branch=a, SIP/2.0/UDP b": 5070,
		"nonsense": 0,
	} {
		req := NewRequest(OPTIONS, URI{Scheme: "sip", Host: "pbx.example.com"})
		Add(req, "Via", via)
		if got := AnswerPort(NewResponse(req, 200, "", "")); got != want {
			t.Errorf("%s: port %d, want %d", via, got, want)
		}
	}
}

// TestCharacterSets spells out what the bits stand for.
func TestCharacterSets(t *testing.T) {
	const alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for c := range 256 {
		token := c < 128 && strings.IndexByte(alnum+"-.!%*_+`'~", byte(c)) >= 0
		plain := token || c >= 128 || strings.IndexByte(":[]/@$&?#{}|^=()", byte(c)) >= 0
		if isTokenChar(byte(c)) != token || isPlainChar(byte(c)) != plain {
			t.Errorf("character %q: token %v, plain %v", byte(c), isTokenChar(byte(c)), isPlainChar(byte(c)))
		}
	}
}
