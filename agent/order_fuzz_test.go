package agent

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzOrder: an order that is taken is clean and bounded; one that is not says why in
// one line that can stand in a SIP answer.
func FuzzOrder(f *testing.F) {
	f.Add([]byte(`{"id":"w-1","number":"+81312345678","name":"山田 太郎","data":{"page":"/prices"}}`))
	f.Add([]byte(`{"id":"w-1","number":"+81312345678","desired_time":"2026-11-23T09:00:00Z","timezone":"../../etc/passwd"}`))
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte(`{"id":"a\u0000b\r\nX: y","number":"sip:x@y?Replaces=1","channel":"fax"}`))
	f.Add([]byte(`{"data":{"a":{"b":{"c":[1,2,{"d":null}]}}},"attempt":1e99,"window":["",""]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := readOrder(text, time.Unix(0, 0))
		if err != nil {
			if why := err.Error(); why == "" || !utf8.ValidString(why) || strings.ContainsAny(why, "\x00\x1b") {
				t.Errorf("refused with %q", why)
			}
			return
		}
		c := o.callback
		if o.channel == "" {
			t.Errorf("taken without a channel: %+v", o)
		}
		for _, text := range []string{c.ID, c.Type, c.Number, c.Name, c.Timezone, c.Origin, c.Reason, c.Instructions} {
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b\r") {
				t.Errorf("not clean: %q", text)
			}
		}
		if len(c.Data) > maxCaseFields {
			t.Errorf("%d fields", len(c.Data))
		}
		toJSON(t, c)
	})
}
