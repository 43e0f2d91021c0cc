//go:build interop

package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
	"ringback/sip"
)

// tortured are the codes of the answers to the messages of RFC 4475, in their order there: the RFC's own where it
// names one, 404 where they are for somebody else, 405 to REGISTER and unknown methods; none for responses. A name
// with a transport in front is for that one alone.
var tortured = map[string]string{
	// 3.1.1 valid
	"wsinv.dat": "481", "intmeth.dat": "405", "esc01.dat": "404", "escnull.dat": "405", "esc02.dat": "405",
	"lwsdisp.dat": "404", "longreq.dat": "404", "semiuri.dat": "404", "transports.dat": "404", "mpart01.dat": "404",
	"unreason.dat": "", "noreason.dat": "",
	// Two requests: in a datagram the second is padding.
	"dblreq.dat": "405",
	// 3.1.2 invalid
	"badinv01.dat": "400", "ncl.dat": "400", "scalar02.dat": "400", "scalarlg.dat": "", "ltgtruri.dat": "400",
	"lwsruri.dat": "400", "lwsstart.dat": "400", "trws.dat": "400", "escruri.dat": "400", "baddate.dat": "404",
	"regbadct.dat": "400", "badaspec.dat": "400", "baddn.dat": "400", "badvers.dat": "505", "mismatch01.dat": "400",
	"mismatch02.dat": "400", "bigcode.dat": "",
	// A stream waits for the octets that are promised, and closes without them.
	"clerr.dat": "400", "tcp clerr.dat": "",
	// Its Via names another port.
	"quotbal.dat": "400", "udp quotbal.dat": "",
	// 3.2 to 3.4
	"badbranch.dat": "404", "insuf.dat": "400", "unkscm.dat": "416", "novelsc.dat": "416", "unksm2.dat": "405",
	"bext01.dat": "420", "invut.dat": "415", "regaut01.dat": "405", "multi01.dat": "400", "mcl01.dat": "400",
	"bcast.dat": "", "zeromf.dat": "404", "cparam01.dat": "405", "cparam02.dat": "405", "regescrt.dat": "405",
	"sdp01.dat": "406",
	// Without Content-Length there is no end of it in a stream.
	"inv2543.dat": "404", "tcp inv2543.dat": "400",
	"test.dat": "",
}

// desk is the binary as agent 1001 of a lab PBX that leaves port 5060 of its address to the test: there go
// the answers to messages whose Via names no port.
type desk struct {
	testing.TB
	lab   *lab.Lab
	ip    netip.Addr // the PBX's
	agent string     // where the agent listens, UDP and TCP
	env   []string
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{TB: t, ip: netip.AddrFrom4([4]byte{127, 99, byte(rand.IntN(256)), byte(1 + rand.IntN(254))})}
	at := netip.AddrPortFrom(d.ip, 0).String()
	l, err := lab.Start(t.Context(), lab.Config{IP: d.ip, Listen: []sip.Listen{{Transport: "udp", Address: at}, {Transport: "tcp", Address: at}}})
	if err != nil {
		t.Fatal(err)
	}
	d.lab = l
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	d.agent = "127.0.0.1:" + port
	dir := t.TempDir()
	config := filepath.Join(dir, "a.yaml")
	text := fmt.Sprintf("account: {aor: 'sip:1001@%s', registrar: 'sip:%s', bind: '%s'}\naudio: {headset: ['tone:440']}\n",
		l.Addr("udp"), l.Addr("udp"), d.agent)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "XDG_CONFIG_HOME="+dir, "XDG_STATE_HOME="+dir, "RINGBACK_PASSWORD=lab-1001")
	agent := d.command("--config", config, "agent", "--headless")
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = agent.Process.Signal(os.Interrupt)
		if err := agent.Wait(); err != nil {
			t.Errorf("the agent ended with %v", err)
		}
		_ = l.Close(context.Background())
	})
	d.run("wait", "registered", "--timeout", "30s")
	return d
}

func (d *desk) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv("RINGBACK"), args...)
	cmd.Env, cmd.Stderr = d.env, os.Stderr
	return cmd
}

func (d *desk) run(args ...string) string {
	d.Helper()
	out, err := d.command(args...).Output()
	if err != nil {
		d.Fatalf("ringback %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// probe is a request that a live agent answers with 200.
func (d *desk) probe(transport, id string, from net.Addr) string {
	return fmt.Sprintf("OPTIONS sip:1001@%s SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=z9hG4bKprobe%s\r\nMax-Forwards: 70\r\nFrom: <sip:x@y>;tag=1\r\n"+
		"To: <sip:1001@y>\r\nCall-ID: probe%s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", d.agent, transport, from, id, id)
}

// byUDP sends a message from port 5060 of the PBX's address, and a probe behind it, and returns all that comes up to
// the answer to the probe. Repetitions of earlier answers are among it.
func (d *desk) byUDP(c net.PacketConn, name, raw string) []string {
	d.Helper()
	to, err := net.ResolveUDPAddr("udp", d.agent)
	if err != nil {
		d.Fatal(err)
	}
	for _, text := range []string{raw, d.probe("UDP", name, c.LocalAddr())} {
		if _, err := c.WriteTo([]byte(text), to); err != nil {
			d.Fatal(err)
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var answers []string
	for buf := make([]byte, 65536); ; {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			d.Errorf("the next request is not answered; before it: %q: %v", answers, err)
			return answers
		}
		if strings.Contains(string(buf[:n]), "Call-ID: probe"+name+"\r\n") {
			return answers
		}
		answers = append(answers, string(buf[:n]))
	}
}

// byTCP sends a message on a connection of its own, and a probe behind it where the message is whole, and returns
// all that comes up to the answer to the probe, or to the end of the connection.
func (d *desk) byTCP(name, raw string) []string {
	d.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: d.ip.AsSlice()}, Timeout: patience}
	c, err := dialer.Dial("tcp", d.agent)
	if err != nil {
		d.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(c, "%s%s", raw, d.probe("TCP", name, c.LocalAddr())); err != nil {
		d.Fatal(err)
	}
	var text strings.Builder
	for in := bufio.NewReader(c); ; {
		line, err := in.ReadString('\n')
		text.WriteString(line)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			d.Errorf("neither an answer nor the end of the connection: %q", text.String())
		}
		if err != nil || line == "Call-ID: probe"+name+"\r\n" {
			break
		}
	}
	var answers []string
	for _, part := range strings.Split("\r\n"+text.String(), "\r\nSIP/2.0 ")[1:] {
		if !strings.Contains(part, "Call-ID: probe"+name+"\r\n") {
			answers = append(answers, "SIP/2.0 "+part)
		}
	}
	return answers
}

var callIDLine = regexp.MustCompile(`(?mi)^(?:call-id|i)\s*:\s*(\S+)`)

// codes are the codes of the answers to a message, told by its Call-ID where it has one, without repetitions.
func codes(raw string, answers []string) string {
	id := ""
	if m := callIDLine.FindStringSubmatch(raw); m != nil {
		id = m[1]
	}
	var out []string
	for _, a := range answers {
		code := strings.Fields(a + " - -")[1]
		if strings.Contains(a, id) && !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return strings.Join(out, " ")
}

// TestTorture sends the RFC 4475 messages to the phone from its PBX's address: each gets its answer, the phone is
// still registered, has offered nobody a call, and takes the next one.
func TestTorture(t *testing.T) {
	files, err := filepath.Glob("../../testdata/rfc4475/*.dat")
	if err != nil || len(files) != 50 {
		t.Fatalf("%d messages: %v", len(files), err)
	}
	t.Run("UDP", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		c, err := net.ListenPacket("udp", netip.AddrPortFrom(d.ip, 5060).String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		d.torture("udp", files, func(name, raw string) []string { return d.byUDP(c, name, raw) })
	})
	t.Run("TCP", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.torture("tcp", files, d.byTCP)
	})
}

// torture sends each message and checks its answer, and what the phone is like afterwards.
func (d *desk) torture(transport string, files []string, send func(name, raw string) []string) {
	d.Helper()
	for i, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			d.Fatal(err)
		}
		name := filepath.Base(file)
		want, known := tortured[name]
		if !known {
			d.Errorf("%s: no answer is written down", name)
			continue
		}
		if over, differs := tortured[transport+" "+name]; differs {
			want = over
		}
		// Several messages of the RFC share a branch, and would be repetitions of each other.
		own := strings.Replace(string(raw), "branch=z9hG4bKkdjuw", fmt.Sprintf("branch=z9hG4bK%dkdjuw", i), 1)
		if got := codes(own, send(name, own)); got != want {
			d.Errorf("%s over %s: answered %q, want %q", name, transport, got, want)
		}
	}
	if got := d.run("status", "--json"); !strings.Contains(got, `"state":"registered"`) || !strings.Contains(got, `"interactions":[]`) {
		d.Errorf("afterwards: %s", got)
	}
	d.serves()
}

// serves has the agent take a callback of its PBX.
func (d *desk) serves() {
	d.Helper()
	if _, err := d.lab.Offer(lab.Callback{ID: "cb-1"}); err != nil {
		d.Fatal(err)
	}
	d.run("wait", "offer", "--timeout", "30s")
	d.run("accept", "--wait", "connected")
	d.run("wait", "audio", "--timeout", "30s")
	d.run("end")
}

// TestOneSegment: INVITE and CANCEL arrive in one TCP segment. Each ends with 487, and no call is left. (More at once are
// refused as a flood; the tests of sip do it 300 times.)
func TestOneSegment(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: d.ip.AsSlice()}, Timeout: patience}
	c, err := dialer.Dial("tcp", d.agent)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	in := bufio.NewReader(c)
	request := func(method string, i int, to string) string {
		return fmt.Sprintf("%s sip:1001@%s SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:5555@%s>;tag=1\r\n"+
			"To: %s\r\nCall-ID: segment-%d\r\nCSeq: 1 %s\r\nContact: <sip:5555@%s;transport=tcp>\r\nContent-Length: 0\r\n\r\n",
			method, d.agent, c.LocalAddr(), i, d.ip, to, i, method, c.LocalAddr())
	}
	const nobody = "<sip:1001@lab>"
	for i := range 40 {
		if _, err := fmt.Fprint(c, request("INVITE", i, nobody)+request("CANCEL", i, nobody)); err != nil {
			t.Fatal(err)
		}
		to, final := "", ""
		for line := ""; line != "\r\n" || final == ""; {
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			switch {
			case strings.HasPrefix(line, "SIP/2.0 487"):
				final = "487"
			case strings.HasPrefix(line, "SIP/2.0 200"), strings.HasPrefix(line, "SIP/2.0 1"):
			case strings.HasPrefix(line, "SIP/2.0 "):
				t.Fatalf("call %d: %s", i, line)
			case strings.HasPrefix(line, "To: "):
				to = strings.TrimSpace(line[4:])
			}
		}
		if _, err := fmt.Fprint(c, request("ACK", i, to)); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.run("status", "--json"); strings.Contains(got, `"state":"offered"`) || strings.Contains(got, `"state":"connected"`) {
		t.Errorf("afterwards: %s", got)
	}
	d.serves()
}
