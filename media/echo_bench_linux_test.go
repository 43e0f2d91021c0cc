package media

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ringback/internal/quality"
	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// echoEnv is set where this program is the far end of BenchmarkEcho.
const echoEnv = "RINGBACK_TEST_ECHO"

// TestEcho_FarEnd is the far end of BenchmarkEcho: a process of its own.
func TestEcho_FarEnd(t *testing.T) {
	if os.Getenv(echoEnv) != "" {
		newEchoMeter(t).run(t)
	}
}

// echoReport is what an echoing meter has seen since the last one.
type echoReport struct {
	Packets, Lost uint64  // Lost: by the sequence numbers of each sender
	P1, P99, Max  float64 // ms between two packets of one sender, by the kernel's time stamps
}

const (
	echoBin  = 50 * time.Microsecond
	echoBins = 4000 // 200 ms
)

// echoMeter sends every RTP packet back to where it came from.
type echoMeter struct {
	sock   *rawSocket
	port   uint16
	last   [1 << 16]time.Time // by port of the sender
	number [1 << 16]uint16
	seen   echoReport
	bins   [echoBins]uint64
}

func newEchoMeter(t *testing.T) *echoMeter {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	m := &echoMeter{port: conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()}
	raw, err := conn.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { // beyond rmem_max, where we may
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<20)
		}
	}))
	m.sock = newRawSocket(conn).(*rawSocket)
	return m
}

// run echoes until its input ends, and answers each line of it with a report.
func (m *echoMeter) run(t *testing.T) {
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			asked <- struct{}{}
		}
	}()
	fmt.Printf("echo %d\n", m.port)
	b := make([]byte, maxDatagram)
	for {
		select {
		case _, more := <-asked:
			if !more {
				return
			}
			text, err := json.Marshal(m.report())
			must(t, err)
			fmt.Printf("echo %s\n", text)
		default:
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(m.sock.fd), Events: unix.POLLIN}}, 100)
		for now := time.Now(); ; now = time.Now() {
			n, from, at, ok := m.sock.read(b, now)
			if !ok {
				break
			}
			if n >= plausible && b[1]&0x7f < 64 { // RTCP is not ours to answer
				m.note(from.Port(), binary.BigEndian.Uint16(b[2:]), at)
				_ = m.sock.write(b[:n], from)
			}
		}
	}
}

func (m *echoMeter) note(from, number uint16, at time.Time) {
	if !m.last[from].IsZero() {
		gap := at.Sub(m.last[from])
		m.bins[min(max(0, int(gap/echoBin)), echoBins-1)]++
		m.seen.Max = max(m.seen.Max, milliseconds(gap))
		if lost := int16(number - m.number[from] - 1); lost > 0 {
			m.seen.Lost += uint64(lost)
		}
	}
	m.seen.Packets++
	m.last[from], m.number[from] = at, number
}

// report is what was seen, which begins anew.
func (m *echoMeter) report() echoReport {
	all := uint64(0)
	for _, n := range m.bins {
		all += n
	}
	share := func(p float64) float64 {
		sum := uint64(0)
		for i, n := range m.bins {
			if sum += n; float64(sum) >= p*float64(all) {
				return milliseconds(time.Duration(i+1) * echoBin)
			}
		}
		return 0
	}
	r := m.seen
	r.P1, r.P99 = share(0.01), share(0.99)
	m.seen, m.bins = echoReport{}, [echoBins]uint64{}
	return r
}

// echo is the far end as the benchmark sees it.
type echo struct {
	port uint16
	ask  func() echoReport
}

func startEcho(b *testing.B) echo {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestEcho_FarEnd$")
	cmd.Env = append(os.Environ(), echoEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	read := func(to any) {
		if !lines.Scan() {
			b.Fatal("the echo is gone")
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(lines.Text(), "echo ")), to); err != nil {
			b.Fatal(err)
		}
	}
	e := echo{ask: func() (r echoReport) {
		fmt.Fprintln(in)
		read(&r)
		return r
	}}
	read(&e.port)
	return e
}

// call is one of many: a session that says the clip, and hears what comes back.
func (e echo) call(b *testing.B, engine *Engine, clip audio.Clip) *Session {
	b.Helper()
	s, err := engine.NewSession(SessionConfig{LocalIP: netip.MustParseAddr("127.0.0.1"), Codecs: []string{"PCMU"}, DTMF: true})
	if err != nil {
		b.Fatal(err)
	}
	bridge, player := engine.NewBridge(), engine.NewPlayer()
	to, err := bridge.Add(s)
	if err != nil {
		b.Fatal(err)
	}
	from, err := bridge.Add(player)
	if err != nil {
		b.Fatal(err)
	}
	if err := bridge.SetRoutes([]mixer.Route{{From: from, To: to}}); err != nil {
		b.Fatal(err)
	}
	if err := player.PlayClip(clip, true, nil); err != nil {
		b.Fatal(err)
	}
	if _, err := s.CreateOffer(sdp.SendRecv); err != nil {
		b.Fatal(err)
	}
	answer := fmt.Sprintf("v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtcp-mux\r\n", e.port)
	if err := s.AcceptAnswer([]byte(answer), false); err != nil {
		b.Fatal(err)
	}
	return s
}

// socketCost is the CPU of one send and one receive over loopback, in µs, each time by
// another of so many sockets, as a tick works on its calls: what is left to the kernel.
func socketCost(b *testing.B, sockets int) float64 {
	b.Helper()
	all, to := make([]socket, sockets), make([]netip.AddrPort, sockets)
	for i := range all {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		to[i] = conn.LocalAddr().(*net.UDPAddr).AddrPort()
		all[i] = newRawSocket(conn)
		defer all[i].close()
	}
	const rounds = 20
	packet, buf := make([]byte, 172), make([]byte, maxDatagram)
	cpu := cpuTime(b)
	for range rounds {
		for i, s := range all {
			_ = s.write(packet, to[i])
		}
		for _, s := range all {
			s.read(buf, time.Time{})
		}
	}
	return float64((cpuTime(b) - cpu).Nanoseconds()) / float64(rounds*sockets) / 1000
}

// BenchmarkEcho is what a load tester's call costs beside its far end, which is another
// process: speech in G.711 both ways, RTCP, jitter buffer and quality. Goals: 5.3 µs a packet
// where a send and a receive by as many sockets (sockets-us) cost 5.15, next 0.8 of that; 24 kB a
// call, next 10; a packet every 18.8 to 21.3 ms (p1 and p99), 26 at most; under 0.1 % late or lost
// with 1,500 calls.
func BenchmarkEcho(b *testing.B) {
	for _, calls := range []int{100, 1000, 1500} {
		b.Run(fmt.Sprintf("calls=%d/codec=PCMU", calls), func(b *testing.B) {
			far := startEcho(b)
			heap := heapInUse()
			e := NewEngine(EngineConfig{})
			go func() { _ = e.Run(context.Background()) }()
			defer func() { _ = e.Close() }()
			clip := audio.Clip{Rate: audio.Rate8k, Channels: 1, Samples: quality.Speech(1, audio.Rate8k, 10*time.Second)}
			all := make([]*Session, calls)
			for i := range all {
				all[i] = far.call(b, e, clip)
			}
			<-time.After(3 * time.Second) // they are up, and know the way
			memory := float64(heapInUse()-heap) / 1024 / float64(calls)
			count := func() (packets, bad uint64) {
				for _, s := range all {
					st := s.Stats()
					packets += st.RxPackets + st.TxPackets
					bad += st.Late + uint64(max(0, st.Lost))
				}
				return packets, bad
			}
			for b.Loop() {
				before, badBefore := count()
				far.ask()
				cpu := cpuTime(b)
				<-time.After(5 * time.Second)
				cpu = cpuTime(b) - cpu
				seen := far.ask()
				after, bad := count()
				cost := socketCost(b, calls)
				n := float64(after - before)
				b.ReportMetric(float64(cpu.Microseconds())/n, "cpu-us/packet")
				b.ReportMetric(cost, "sockets-us")
				b.ReportMetric(memory, "kB/call")
				b.ReportMetric(100*(float64(bad-badBefore)+float64(seen.Lost))/n, "late-or-lost-%")
				b.ReportMetric(seen.P1, "send-p1-ms")
				b.ReportMetric(seen.P99, "send-p99-ms")
				b.ReportMetric(seen.Max, "send-max-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
