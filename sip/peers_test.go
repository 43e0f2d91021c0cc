package sip

import (
	"fmt"
	"net/netip"
	"testing"
)

// Of thousands of accounts at one PBX the one that is called is found by its name, also by that
// of its credentials; the first of a name has it, and what is nobody's is a stranger's.
func TestPeers_TheAccountThatIsCalled(t *testing.T) {
	pbx, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	account := func(user, name string) *Account {
		return &Account{AOR: URI{Scheme: "sip", User: user, Host: "pbx"}, Username: name}
	}
	b := newPeerBook()
	first, second, same := account("1001", "a"), account("10%302", ""), account("1001", "b")
	for _, a := range []*Account{first, second, same} {
		b.learn(a, pbx)
		b.learn(a, netip.MustParseAddr("::ffff:192.0.2.1")) // the same one
	}
	b.learn(same, other)
	for user, want := range map[string]*Account{"1001": first, "a": first, "1002": second, "b": same, "1003": nil} {
		if got := b.at(pbx).byUser[user]; got != want {
			t.Errorf("%s is %v, want %v", user, got, want)
		}
	}
	if got := b.at(pbx).accounts; len(got) != 3 || b.at(other).byUser["1001"] != same || b.at(netip.MustParseAddr("192.0.2.3")) != nil {
		t.Errorf("at %v: %v, %v", pbx, got, b.at(other))
	}
}

// BenchmarkAddressee is who is called among so many accounts of one PBX. Budget: the same for all.
func BenchmarkAddressee(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("accounts=%d", n), func(b *testing.B) {
			book, pbx := newPeerBook(), netip.MustParseAddr("192.0.2.1")
			for i := range n {
				book.learn(&Account{AOR: URI{Scheme: "sip", User: fmt.Sprint(i), Host: "pbx"}}, pbx)
			}
			b.ReportAllocs()
			for b.Loop() {
				if book.at(pbx).byUser["0"] == nil {
					b.Fatal("nobody")
				}
			}
		})
	}
}
