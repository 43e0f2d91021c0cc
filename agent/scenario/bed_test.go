package scenario

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
	"ringback/internal/simnet"
)

const labIP = "10.0.0.1"

// bed is a lab PBX on a network in memory, in virtual time, and a host for each phone.
type bed struct {
	t   *testing.T
	net *simnet.Net
	lab *lab.Lab
}

// inBed runs fn in virtual time. A goroutine left behind fails the test.
func inBed(t *testing.T, pbx lab.Config, fn func(b *bed)) {
	t.Helper()
	inBedWith(t, pbx, nil, fn)
}

// inBedWith is the same with a bad network of the lab; nil: a good one.
func inBedWith(t *testing.T, pbx lab.Config, worse *badNetwork, fn func(b *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bed{t: t, net: simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond}))}
		pbx.Network, pbx.IP = b.net.Host(labIP), netip.MustParseAddr(labIP)
		if worse != nil {
			worse.Network = pbx.Network
			pbx.Network = worse
		}
		var err error
		if b.lab, err = lab.Start(context.Background(), pbx); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := b.lab.Close(context.Background()); err != nil {
				t.Error(err)
			}
			b.net.Close()
			<-time.After(time.Minute) // what was asked for and not awaited ends by itself
		}()
		fn(b)
	})
}

// ip is a phone's address, by its place in the file.
func phoneIP(name string) string {
	return fmt.Sprintf("10.0.0.%d", 10+strings.Index("abcdefgh", name[:1]))
}

func (b *bed) options() Options {
	return Options{Address: b.lab.Addr("udp").String(), PBX: labWords{b.lab},
		Password: func(user string) (string, bool) { return "lab-" + user, true },
		Getenv:   func(string) (string, bool) { return "", false },
		Deps:     func(name string) agent.Deps { return agent.Deps{Network: b.net.Host(phoneIP(name))} }}
}

// run plays a scenario whose phones are a, b, c at 1001, 1002, 1003.
func (b *bed) run(ctx context.Context, text string) Report {
	b.t.Helper()
	f, err := Read("story.yaml", []byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	rep, err := Run(ctx, f, b.options())
	if err != nil {
		b.t.Fatal(err)
	}
	return rep
}

// labWords is the lab as a PBX of steps: only what these tests need.
type labWords struct{ lab *lab.Lab }

func (l labWords) Do(_ context.Context, words []string) error {
	switch words[0] {
	case "offer":
		_, err := l.lab.Offer(lab.Callback{ID: words[1]})
		return err
	case "giveup":
		return l.lab.GiveUp(words[1])
	case "hangup":
		return l.lab.HangUp(words[1])
	}
	return fmt.Errorf("unknown word %q", words[0])
}

// phones is the head of a scenario with phones of these names, each with a tone.
func phones(names ...string) string {
	var out strings.Builder
	out.WriteString("lab: true\nphones:\n")
	for i, name := range names {
		fmt.Fprintf(&out, "  %s:\n    account:\n      aor: sip:%d@${pbx}\n      registrar: sip:${pbx}\n      bind: %s\n    audio:\n      headset: [tone:%d]\n",
			name, 1001+i, phoneIP(name), 440+220*i)
	}
	return out.String()
}
