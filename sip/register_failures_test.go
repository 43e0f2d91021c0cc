package sip

import (
	"testing"
	"time"
)

func TestConformance_R05_BackOff(t *testing.T) {
	for _, code := range []int{408, 480, 500} {
		story(t, func(b *bed) {
			r := b.registrar(pbxIP)
			r.refuse(code)
			l := b.line()
			b.pass(10 * time.Minute)
			l.is(Failed, "answered")
			all := r.registers()
			for i := 1; i < len(all); i++ {
				least, most := time.Second<<(i-1)/2, time.Second<<(i-1)
				switch {
				case i == 6:
					least, most = 0, 24*time.Second
				case i > 6:
					least, most = 20400*time.Millisecond, 24*time.Second
				}
				if gap := all[i].at.Sub(all[i-1].at); gap < least || gap > most+20*time.Millisecond {
					t.Errorf("%d: try %d after %v, want %v to %v", code, i, gap, least, most)
				}
			}
			if len(all) < 20 {
				t.Errorf("%d: %d tries in 10 minutes", code, len(all))
			}
			r.refuse(0)
			l.back(31 * time.Second)
		})
	}
}

func TestConformance_R05_403And404AreSlowAndTell(t *testing.T) {
	for _, code := range []int{403, 404} {
		story(t, func(b *bed) {
			r := b.registrar(pbxIP)
			r.refuse(code)
			l := b.line()
			l.is(Failed, "check the account's aor")
			b.pass(time.Minute)
			if n := len(r.registers()); n > 5 {
				t.Errorf("%d: %d REGISTERs in a minute", code, n)
			}
			r.refuse(0)
			l.back(31 * time.Second)
		})
	}
}
