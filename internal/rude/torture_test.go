package rude

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"ringback/sip"
)

// U13: each message of RFC 4475 and RFC 5118 from the phone's own PBX, by UDP, TCP, TLS
// and WS, in one datagram, segment or frame, and in single bytes, of a WebSocket as frames
// and as segments, gets the answer that the RFC asks for, and the next request is served
// at once.
func TestConformance_U13_EveryTransportAndCut(t *testing.T) {
	all, err := Tortures("../../testdata")
	if err != nil || len(all) != 62 {
		t.Fatalf("%d messages: %v", len(all), err)
	}
	server, client := certificate(t)
	for _, way := range []struct {
		name   string
		secure *tls.Config
		cut    int // bytes at a time; 0: all at once
	}{{"UDP", nil, 0}, {"TCP in one segment", nil, 0}, {"TCP in single bytes", nil, 1}, {"TLS in one segment", client, 0}, {"TLS in single bytes", client, 1},
		{"WS in one frame", nil, 0}, {"WS in frames of a byte", nil, 0}, {"WS in single bytes", nil, 1}} {
		t.Run(way.name, func(t *testing.T) {
			for _, message := range all {
				t.Run(message.Name, func(t *testing.T) {
					onPhone(t, func(c *sip.Config, _ *sip.Account) {
						c.TLS.Certs = []tls.Certificate{server}
						c.Listen = append(c.Listen, sip.Listen{Transport: "tls", Address: phoneIP + ":5061"}, sip.Listen{Transport: "ws", Address: phoneIP + ":80"})
					}, func(p *phone) {
						switch way.name {
						case "UDP":
							p.tortureByUDP(message)
						case "WS in one frame", "WS in single bytes":
							p.tortureByWeb(message, way.cut, (*Peer).Write)
						case "WS in frames of a byte":
							p.tortureByWeb(message, 0, func(q *Peer, text string) error { return q.Fragments(text, 1) })
						default:
							p.tortureByStream(message, way.secure, way.cut)
						}
					})
				})
			}
		})
	}
}

// answers are the codes that came within 100 ms, repetitions left out.
func answers(q *Peer) string {
	var codes []string
	last := ""
	for m, ok := q.Next(100 * time.Millisecond); ok; m, ok = q.Next(100 * time.Millisecond) {
		if code := m.Code(); code != 0 && m.Text != last {
			codes, last = append(codes, text(code)), m.Text
		}
	}
	return strings.Join(codes, " ")
}

func (p *phone) tortureByUDP(m Torture) {
	p.Helper()
	q := p.pbx // its Via may name other ports, to which the answer then goes
	var elsewhere []*Peer
	for _, port := range []string{"5050", "5070", "5072", "6050", "9823", "19823", "5061"} {
		other, err := Listen(p.net.Host(pbxIP), pbxIP+":"+port, at)
		if err != nil {
			p.Fatal(err)
		}
		p.stops = append(p.stops, other.Close)
		elsewhere = append(elsewhere, other)
	}
	q.Drain()
	p.write(q, m.Text)
	got := answers(q)
	for _, other := range elsewhere {
		got += answers(other)
	}
	if got != m.UDP {
		p.Errorf("answered %q, want %q", got, m.UDP)
	}
	p.servesNext(q)
}

func (p *phone) tortureByStream(m Torture, secure *tls.Config, cut int) {
	p.Helper()
	q := p.connect(secure)
	if cut == 0 {
		cut = len(m.Text)
	}
	if err := q.Trickle(m.Text, cut); err != nil && !m.Ends {
		p.Fatal(err)
	}
	if got := answers(q); got != m.Stream {
		p.Errorf("answered %q, want %q", got, m.Stream)
	}
	if m.Ends {
		p.pass(16 * time.Second) // for the octets that were promised
		if q.Ended() == nil {
			p.Error("the stream goes on, though nobody knows where the next message begins")
		}
		q = p.connect(secure)
	}
	p.servesNext(q)
}

// tortureByWeb: a message of a WebSocket begins and ends where it does, like a datagram.
func (p *phone) tortureByWeb(m Torture, cut int, write func(q *Peer, text string) error) {
	p.Helper()
	q, err := DialWeb(p.net.Host(pbxIP), phoneIP+":80", cut)
	if err != nil {
		p.Fatal(err)
	}
	p.stops = append(p.stops, q.Close)
	if err := write(q, m.Text); err != nil {
		p.Fatal(err)
	}
	if got := answers(q); got != m.UDP {
		p.Errorf("answered %q, want %q", got, m.UDP)
	}
	p.servesNext(q)
}

func (p *phone) connect(secure *tls.Config) *Peer {
	p.Helper()
	to := at
	if secure != nil {
		to = phoneIP + ":5061"
	}
	q, err := Dial(p.net.Host(pbxIP), to, secure)
	if err != nil {
		p.Fatal(err)
	}
	p.stops = append(p.stops, q.Close)
	return q
}

// servesNext fails unless a sound request is answered within 20 ms.
func (p *phone) servesNext(q *Peer) {
	p.Helper()
	next := q.New("OPTIONS")
	begin := time.Now()
	p.write(q, next.String())
	m, ok := q.Until(time.Second, func(m Message) bool { return m.Header("Call-ID") == next.CallID })
	if d := time.Since(begin); !ok || m.Code() != 200 || d > 20*time.Millisecond {
		p.Errorf("the next request got %q after %v", m.Start(), d)
	}
}

// certificate is one for the phone, good in virtual time, and the configuration of
// whoever trusts it.
func certificate(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.ParseIP(phoneIP)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, &tls.Config{RootCAs: pool, ServerName: phoneIP}
}
