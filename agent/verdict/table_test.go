package verdict

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/agent/store"
	"ringback/sip"
)

// The table is well formed: every ID has one row, says what and what to do, and in the
// house's style.
func TestTableIsWhole(t *testing.T) {
	text, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`\bID\s+= "([^"]+)"`).FindAllStringSubmatch(string(text), -1)
	ids = append(ids, regexp.MustCompile(`ID = "([^"]+)"`).FindAllStringSubmatch(string(text), -1)...)
	rows, texts := map[ID]bool{}, map[string]ID{}
	for _, v := range All() {
		if rows[v.ID] || texts[v.Wrong] != "" {
			t.Errorf("%s stands twice, or says the same as %s", v.ID, texts[v.Wrong])
		}
		rows[v.ID], texts[v.Wrong] = true, v.ID
		if v.Do == "" || strings.HasSuffix(v.Wrong, ".") || strings.HasSuffix(v.Do, ".") || !regexp.MustCompile(`^[a-z]+\.[a-z_]+$`).MatchString(string(v.ID)) {
			t.Errorf("%+v: room.what, a sentence without a full stop, and something to do", v)
		}
	}
	for _, id := range ids {
		if !rows[ID(id[1])] {
			t.Errorf("%s has no row", id[1])
		}
	}
	if len(rows) < 60 {
		t.Errorf("%d rows", len(rows))
	}
}

// What came from outside cannot break a line or a terminal, nor grow without end.
func TestSayCleansValues(t *testing.T) {
	f := DNSNoName.Say("host", "evil\x1b[2J\r\nHost"+strings.Repeat("x", 1000))
	if strings.ContainsAny(f.Wrong, "\x1b\r\n") || len(f.Wrong) > 300 || !strings.Contains(f.Wrong, "evil[2JHost") {
		t.Errorf("%q", f.Wrong)
	}
	if f := ID("no.such").Say(); f.Wrong != "no.such" {
		t.Errorf("%+v", f)
	}
}

// Errors of the rooms below find their verdicts through any wrapping; others have none.
func TestOfError(t *testing.T) {
	c := Case{Host: "pbx.example", Addr: "192.0.2.1:5060", Transport: "tcp", User: "1001", Password: true, File: "ringback.db", Now: time.Now()}
	for _, row := range []struct {
		err  error
		want ID
	}{
		{sip.ErrNoRecords, DNSNoName}, {sip.ErrDNSSilent, DNSSilent}, {sip.ErrDNS, DNSFails},
		{sip.ErrWrongPassword, AuthPassword}, {sip.ErrForeignRealm, AuthRealm}, {sip.ErrAlgorithm, AuthAlgorithm},
		{sip.ErrStaleNonce, AuthStale}, {sip.ErrChallenge, AuthChallenge},
		{store.ErrFull, StoreFull}, {store.ErrReadOnly, StoreReadOnly}, {store.ErrSlow, StoreSlow}, {store.ErrDamaged, StoreDamaged}, {store.ErrDisk, StoreDisk},
		{sip.ErrTimeout, NetSilent}, {sip.ErrNoWay, NetNoWay}, {sip.ErrConnectionLost, NetLost},
		{sip.ErrClockJumped, ClockJumped}, {sip.ErrForgotten, SIPForgotten},
		{errors.New("anything"), ""}, {nil, ""},
	} {
		err := row.err
		if err != nil {
			err = fmt.Errorf("do something: %w", err)
		}
		f, ok := OfError(err, c)
		if f.ID != row.want || ok != (row.want != "") || strings.ContainsAny(f.Wrong+f.Do, "{}") {
			t.Errorf("%v: %+v, want %s", row.err, f, row.want)
		}
	}
}

func TestOfAnswer(t *testing.T) {
	c := Case{Host: "pbx.example", AOR: "sip:1001@pbx.example", User: "1001", Password: true}
	for code, want := range map[int]ID{302: SIPMoved, 401: AuthChallenge, 403: SIPForbidden, 404: SIPUnknown, 405: SIPNoRegistrar,
		480: SIPUnavailable, 488: SIPRefused, 503: SIPUnavailable, 603: SIPRefused} {
		f := OfAnswer(code, "Why", nil, c)
		if f.ID != want || strings.ContainsAny(f.Wrong+f.Do, "{}") {
			t.Errorf("%d: %+v, want %s", code, f, want)
		}
	}
	c.Password = false
	if f := OfAnswer(401, "", sip.ErrWrongPassword, c); f.ID != AuthNone {
		t.Errorf("without a password: %+v", f)
	}
}

// An address where no PBX can be is a lie when a name was asked for.
func TestImpossible(t *testing.T) {
	for addr, want := range map[string]bool{"0.0.0.0:5060": true, "[::]:5060": true, "224.0.0.1:5060": true, "255.255.255.255:1": true,
		"192.0.2.1:5060": false, "": false, "[2001:db8::1]:5060": false} {
		if got := Impossible(addr, "pbx.example"); got != want {
			t.Errorf("%s: %v", addr, got)
		}
		if Impossible(addr, "0.0.0.0") {
			t.Errorf("%s was given as an address: nobody has lied", addr)
		}
	}
}
