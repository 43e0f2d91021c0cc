//go:build interop

package interop

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// capture is a tshark that records a script's RTP.
type capture struct {
	cmd  *exec.Cmd
	file string
}

// cmdCapture begins to record what goes by UDP to and from a phone's media.ports:
// capture start FILE FIRST-LAST, capture stop. Then capture encrypted HOW-MANY and capture
// plain HOW-MANY say what it is: so many RTP packets at least and all of them
// encrypted, or all of them not.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 4 {
		ts.Fatalf("usage: capture start FILE PORTS | stop | encrypted N | plain N | by SERVER PBX | checks FROM TO N")
	}
	c := ts.Value("capture").(*capture)
	switch args[0] {
	case "start":
		c.start(ts, args[1], args[2])
		ts.Defer(c.stop)
	case "stop":
		c.stop()
	case "by": // by ADDRESS PBX: nothing of the phone goes to or comes from the PBX itself
		c.by(ts, args[1], args[2])
	case "checks": // checks FROM TO N: FROM has answered so many of TO's checks of ICE at least
		n, err := strconv.Atoi(args[3])
		ts.Check(err)
		if got := c.count(ts, fmt.Sprintf("stun.type == 0x0101 && ip.src == %s && ip.dst == %s", args[1], args[2])); got < n {
			ts.Fatalf("%s has answered %d checks of %s, want %d", args[1], got, args[2], n)
		}
	default:
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		c.judge(ts, args[0] == "encrypted", n)
		c.wellFormed(ts, args[0] == "encrypted")
	}
}

func (c *capture) start(ts *testscript.TestScript, file, ports string) {
	c.file = ts.MkAbs(file)
	c.cmd = exec.Command("tshark", "-i", "lo", "-f", "udp portrange "+ports, "-w", c.file, "-q")
	words, err := c.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(c.cmd.Start())
	for in := bufio.NewScanner(words); in.Scan(); {
		if strings.Contains(in.Text(), "Capture started") || strings.Contains(in.Text(), "File:") {
			return
		}
	}
	ts.Fatalf("tshark does not capture on lo: run the test as root")
}

func (c *capture) stop() {
	if c.cmd != nil {
		_ = c.cmd.Process.Signal(syscall.SIGINT) // its files are complete then
		_ = c.cmd.Wait()
		c.cmd = nil
	}
}

// by says that each datagram has a server's address on one side, and that none has the PBX's
// beside the phone's: media.ports are the phone's.
func (c *capture) by(ts *testscript.TestScript, server, pbx string) {
	phone := "ip.addr == 127.0.0.1"
	around, relayed, carried := c.count(ts, phone+" && ip.addr == "+pbx), c.count(ts, phone+" && ip.addr == "+server), c.count(ts, "ip.addr == "+server+" && ip.addr == "+pbx)
	ts.Logf("%d datagrams between phone and PBX, %d between phone and server, %d between server and PBX", around, relayed, carried)
	if around > 0 || carried < 100 {
		ts.Fatalf("want none between phone and PBX, and 100 or more between %s and the PBX", server)
	}
}

// count is of the datagrams that a filter of tshark takes.
func (c *capture) count(ts *testscript.TestScript, filter string) int {
	out, err := exec.Command("tshark", "-r", c.file, "-Y", filter, "-T", "fields", "-e", "frame.number").Output()
	ts.Check(err)
	return strings.Count(string(out), "\n")
}

// wellFormed says that tshark reads each packet that the phone sent: STUN and DTLS, and RTP
// and RTCP where they are plain.
func (c *capture) wellFormed(ts *testscript.TestScript, encrypted bool) {
	args := []string{"-r", c.file, "-Y", "_ws.malformed && ip.src == 127.0.0.1", "-T", "fields", "-e", "frame.number", "-e", "frame.protocols", "-e", "_ws.expert.message"}
	if !encrypted {
		args = append(args, "--enable-heuristic", "rtp_udp", "--enable-heuristic", "rtcp_udp")
	}
	out, err := exec.Command("tshark", args...).Output()
	ts.Check(err)
	if len(out) > 0 {
		ts.Fatalf("tshark finds malformed packets of the phone's:\n%s", out)
	}
}

// judge reads the payloads. Those of a call under way are tones: plain G.711 of one
// has a few values only, an encrypted one all of them equally often.
func (c *capture) judge(ts *testscript.TestScript, encrypted bool, least int) {
	out, err := exec.Command("tshark", "-r", c.file, "-T", "fields", "-e", "udp.payload").Output()
	ts.Check(err)
	streams, all := map[string]*[256]int{}, 0
	for line := range strings.Lines(string(out)) {
		b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(line), ":", ""))
		if err != nil || len(b) <= 12 || b[0]>>6 != 2 || b[1]&0x7f > 34 { // G.711, not RTCP, STUN, DTLS or an event
			continue
		}
		ssrc, payload := hex.EncodeToString(b[8:12]), b[12:]
		if streams[ssrc] == nil {
			streams[ssrc] = &[256]int{}
		}
		for _, b := range payload {
			streams[ssrc][b]++
		}
		all++
	}
	var words []string
	good, judged := all >= least, 0
	for ssrc, values := range streams {
		sum := 0
		for _, n := range values {
			sum += n
		}
		if sum < 6000 {
			continue // too few octets to tell
		}
		bits := entropy(values, sum)
		judged++
		words = append(words, fmt.Sprintf("%s: %.2f bits an octet", ssrc, bits))
		good = good && (bits > 7.8) == encrypted
	}
	ts.Logf("%d RTP packets: %s", all, strings.Join(words, ", "))
	if !good || judged < 2 {
		ts.Fatalf("want %d packets or more of two streams, encrypted %v", least, encrypted)
	}
}

// entropy is in bits (Shannon).
func entropy(values *[256]int, sum int) float64 {
	bits := 0.0
	for _, n := range values {
		if n > 0 {
			p := float64(n) / float64(sum)
			bits -= p * math.Log2(p)
		}
	}
	return bits
}
