package media

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

// TestPtime_EachSendsWhatTheOtherAsksFor: one side is configured to 10, 40 or 60 ms, the
// other to 20; both are heard.
func TestPtime_EachSendsWhatTheOtherAsksFor(t *testing.T) {
	for _, name := range []string{"PCMU", "PCMA", "G722", "L16/8000"} {
		eachPtime(t, name)
	}
}

func eachPtime(t *testing.T, name string) {
	t.Helper()
	for _, asks := range []time.Duration{10 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond} {
		t.Run(fmt.Sprintf("%s/%s", name, asks), func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				here, there := watchRTP(n, hereIP), watchRTP(n, thereIP)
				only := func(c *SessionConfig) { c.Codecs = []string{name} }
				rate := RateFor([]string{name})
				a := newPhoneAt(t, n, hereIP, rate, only, func(c *SessionConfig) { c.Ptime = asks })
				b := newPhoneAt(t, n, thereIP, rate, only)
				defer a.close()
				defer b.close()
				a.tone(440)
				b.tone(1004)
				offer, err := a.session.CreateOffer(sdp.SendRecv)
				must(t, err)
				if line := fmt.Sprintf("\r\na=ptime:%d\r\n", asks.Milliseconds()); !strings.Contains(string(offer), line) {
					t.Errorf("%q is not in the offer:\n%s", line, offer)
				}
				answer, err := b.session.AcceptOffer(offer, sdp.SendRecv)
				must(t, err)
				must(t, a.session.AcceptAnswer(answer, false))
				pass(2 * time.Second)
				if !a.hears(1004) || !b.hears(440) {
					t.Errorf("heard %v and %v", a.hears(1004), b.hears(440))
				}
				sent := a.session.codecs[0]
				for _, one := range []struct {
					who  string
					seen []rtpSeen
					want time.Duration
				}{{"who asks for it", *here, 20 * time.Millisecond}, {"who is asked", *there, asks}} {
					if step := uint32(int(one.want) * sent.ClockRate / int(time.Second)); len(one.seen) < 20 || one.seen[10].step != step || one.seen[15].step != step {
						t.Errorf("%s: %d packets, the eleventh %+v, want a step of %d", one.who, len(one.seen), one.seen[min(10, len(one.seen)-1)], step)
					}
				}
			})
		})
	}
}

// TestPtime_WithoutTheirWish: where the far end asks for nothing, what is configured is sent,
// within the most that it takes.
func TestPtime_WithoutTheirWish(t *testing.T) {
	for lines, want := range map[string]int{"": 40, "a=maxptime:30\r\n": 30, "a=maxptime:60\r\n": 40, "a=ptime:20\r\n": 20} {
		story(t, func(t *testing.T, n *simnet.Net) {
			seen := watchRTP(n, hereIP)
			p := newPhoneAt(t, n, hereIP, 8000, func(c *SessionConfig) { c.Ptime = 40 * time.Millisecond })
			defer p.close()
			body := fmt.Sprintf("v=0\r\no=- 7 7 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n%s", thereIP, thereIP, lines)
			answer, err := p.session.AcceptOffer([]byte(body), sdp.SendRecv)
			must(t, err)
			if !strings.Contains(string(answer), "\r\na=ptime:40\r\n") {
				t.Errorf("the answer does not ask for 40 ms:\n%s", answer)
			}
			p.tone(440)
			pass(time.Second)
			if got := (*seen)[5]; got.payload != 8*want {
				t.Errorf("%q: sent %+v, want %d ms", lines, got, want)
			}
		})
	}
}
