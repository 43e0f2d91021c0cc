package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
	"ringback/internal/simnet"
)

// TestStory_PacketTime: what is configured is asked of the far end in an offer and in an
// answer, and the far end sends so; both hear each other. The far end asks for nothing
// but 20 ms, and gets that.
func TestStory_PacketTime(t *testing.T) {
	for _, ms := range []int{10, 40, 60} {
		t.Run(fmt.Sprint(ms), func(t *testing.T) {
			story(t, func(c *Config, _ *lab.Config) { c.Media.Ptime = time.Duration(ms) * time.Millisecond }, func(b *bed) {
				theirs, ours, asked := map[int]int{}, map[int]int{}, 0
				b.net.Tap(func(p simnet.Packet) {
					from := p.From.Addr().String()
					switch {
					case from == agentIP && strings.Contains(string(p.Data), fmt.Sprintf("\r\na=ptime:%d\r\n", ms)):
						asked++
					case len(p.Data) < 12 || p.Data[0] != 0x80 || p.Data[1]&0x7F > 9: // sound of G.711 and G.722
					case from == labIP:
						theirs[len(p.Data)-12]++
					case from == agentIP:
						ours[len(p.Data)-12]++
					}
				})
				b.do("dial", map[string]any{"target": contact})
				b.wait(CallConnected)
				b.passes(2 * time.Second)
				call := b.agent.State().Calls[0].ID
				b.farHears(contact, micHz, true)
				b.agentHears(call, lab.ContactHz, true)
				if asked == 0 || len(theirs) != 1 || theirs[8*ms] == 0 || len(ours) != 1 || ours[160] == 0 {
					t.Errorf("asked %d times, they send payloads of %v bytes, we %v", asked, theirs, ours)
				}
				b.do("end", nil)
				b.wait(CallEnded)
				b.do("done", nil)

				asked = 0
				b.talk() // they offer
				if asked == 0 {
					t.Error("the answer does not ask for it")
				}
			})
		})
	}
}
