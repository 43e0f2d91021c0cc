package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
	"ringback/sip"
	"ringback/sip/transport"
)

// startLab starts a PBX on loopback and gives its UDP address.
func startLab(t *testing.T, edit func(*lab.Config)) (*lab.Lab, netip.AddrPort) {
	t.Helper()
	cfg := lab.Config{Listen: []sip.Listen{{Transport: "udp", Address: "127.0.0.1:0"}}}
	if edit != nil {
		edit(&cfg)
	}
	l, err := lab.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = l.Close(ctx)
	})
	return l, l.Addr("udp")
}

// scripted is a PBX that answers each request by UDP as it is told: a start line and
// headers beside those that are copied, params are put behind the top Via.
func scripted(t *testing.T, answer func(method string) (start, params string, headers []string)) netip.AddrPort {
	t.Helper()
	pc := listenUDP(t)
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			head, _, _ := strings.Cut(string(buf[:n]), "\r\n\r\n")
			lines := strings.Split(head, "\r\n")
			method, _, _ := strings.Cut(lines[0], " ")
			start, params, more := answer(method)
			out := []string{"SIP/2.0 " + start}
			for _, line := range lines[1:] {
				switch name, _, _ := strings.Cut(line, ":"); name {
				case "Via":
					out = append(out, line+params)
				case "To":
					out = append(out, line+";tag=t")
				case "From", "Call-ID", "CSeq":
					out = append(out, line)
				}
			}
			out = append(append(out, more...), "Content-Length: 0", "", "")
			_, _ = pc.WriteTo([]byte(strings.Join(out, "\r\n")), from)
		}
	}()
	return addrOf(pc.LocalAddr())
}

func listenUDP(t *testing.T) net.PacketConn {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

func addrOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

// stream is a TCP server that does something with each connection.
func stream(t *testing.T, do func(net.Conn)) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); close(done) })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				do(c)
				<-done
			}()
		}
	}()
	return addrOf(ln.Addr())
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(-5, 0, 0), NotAfter: time.Now().AddDate(5, 0, 0), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// server is a TLS server with a certificate for a name, valid from and until.
func (a *authority) server(t *testing.T, name string, from, until time.Time) netip.AddrPort {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: from, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return stream(t, func(c net.Conn) {
		s := tls.Server(c, cfg)
		_ = s.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.Copy(io.Discard, s)
	})
}

// zone is what a DNS server of the tests knows.
type zone struct {
	a     map[string]string // name to IPv4 address
	srv   map[string]string // name to "port target"
	rcode byte              // of everything, unless it is 0
	mute  bool
}

// dns starts a DNS server and gives a resolver that asks it.
func dns(t *testing.T, z zone) sip.Resolver {
	t.Helper()
	pc := listenUDP(t)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := z.answer(buf[:n]); answer != nil && !z.mute {
				_, _ = pc.WriteTo(answer, from)
			}
		}
	}()
	return sip.NewResolver(sip.DNSConfig{Network: transport.Host(), Servers: []netip.AddrPort{addrOf(pc.LocalAddr())}, Timeout: 200 * time.Millisecond,
		Hosts: func(context.Context, string) []netip.Addr { return nil }})
}

// answer makes a reply to a question (RFC 1035 4): the header, the question as it
// came, and one record.
func (z zone) answer(q []byte) []byte {
	var labels []string
	at := 12
	for at < len(q) && q[at] != 0 {
		labels = append(labels, string(q[at+1:at+1+int(q[at])]))
		at += 1 + int(q[at])
	}
	if at+5 > len(q) {
		return nil
	}
	name, kind := strings.ToLower(strings.Join(labels, ".")), binary.BigEndian.Uint16(q[at+1:])
	var data []byte
	switch {
	case kind == 1 && z.a[name] != "":
		ip := netip.MustParseAddr(z.a[name]).As4()
		data = ip[:]
	case kind == 33 && z.srv[name] != "":
		var port uint16
		var target string
		_, _ = fmt.Sscan(z.srv[name], &port, &target)
		data = binary.BigEndian.AppendUint16([]byte{0, 1, 0, 1}, port)
		for label := range strings.SplitSeq(target, ".") {
			data = append(append(data, byte(len(label))), label...)
		}
		data = append(data, 0)
	}
	rcode := z.rcode
	if _, known := z.a[name]; !known && z.srv[name] == "" && rcode == 0 {
		rcode = 3 // NXDOMAIN
	}
	out := append([]byte{q[0], q[1], 0x81, 0x80 | rcode, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:at+5]...)
	if data == nil {
		return out
	}
	out[7] = 1
	out = append(out, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60)
	return append(binary.BigEndian.AppendUint16(out, uint16(len(data))), data...)
}
