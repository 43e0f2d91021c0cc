package main

import (
	"encoding/binary"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// The RTP meter is the far end of all who send here: it echoes each packet, and measures by
// the kernel's time stamps when they came. It is a process of its own, so that its CPU is
// nobody else's.

const (
	frame   = 20 * time.Millisecond
	perTick = 160 // RTP time stamps of G.711 in a frame
	batch   = 64
)

// metered is what the meter says at its end.
type metered struct {
	Streams  int     `json:"streams"`
	Packets  int     `json:"packets"`
	Lost     int     `json:"lost"`     // by the sequence numbers
	Late     int     `json:"late"`     // more than a frame behind the stream's own clock
	Repeated int     `json:"repeated"` // came twice, or out of order
	Unsent   int     `json:"unsent"`   // echoes that could not be sent
	P1       float64 `json:"interval_p1_ms"`
	P99      float64 `json:"interval_p99_ms"`
	Max      float64 `json:"interval_max_ms"`
	Bad      int     `json:"bad_streams"` // 0.1 % lost or late, or more
}

// stream is what came from one sender.
type stream struct {
	packets, lost, late int
	seq                 uint16
	at                  time.Duration // of the last packet
	clock               time.Duration // the earliest that its beginning can have been, by all packets so far
	sent                time.Duration // by its RTP time stamps, since the first
	stamp               uint32
}

// source tells streams apart.
type source struct {
	from netip.AddrPort
	ssrc uint32
}

// meter is what came.
type meter struct {
	streams   map[source]*stream
	intervals *hdrhistogram.Histogram // microseconds
	repeated  int
	unsent    int
}

// runMeter echoes at a port until it is told to end, then prints what it measured.
func runMeter(port int) error {
	runtime.LockOSThread()
	conn, err := meterSocket(port)
	if err != nil {
		return err
	}
	control, err := meterSocket(port + 1) // RTCP: read, so that nobody is told that the port is closed
	if err != nil {
		return err
	}
	go func() {
		for buf := make([]byte, 1500); ; {
			if _, _, err := control.ReadFrom(buf); err != nil {
				return
			}
		}
	}()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() {
		<-end
		conn.Close()
	}()
	m := &meter{streams: map[source]*stream{}, intervals: hdrhistogram.New(1, 60_000_000, 3)}
	m.echo(ipv4.NewPacketConn(conn))
	return json.NewEncoder(os.Stdout).Encode(m.sum())
}

func meterSocket(port int) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	if ctl := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
		}
	}); ctl != nil {
		err = ctl
	}
	return conn, err
}

// echo reads and sends back until the socket is closed.
func (m *meter) echo(conn *ipv4.PacketConn) {
	in := make([]ipv4.Message, batch)
	for i := range in {
		in[i].Buffers, in[i].OOB = [][]byte{make([]byte, 1500)}, make([]byte, 64)
	}
	out := make([]ipv4.Message, batch)
	for {
		n, err := conn.ReadBatch(in, 0)
		if err != nil {
			return
		}
		for i := range n {
			m.came(&in[i])
			out[i] = ipv4.Message{Buffers: [][]byte{in[i].Buffers[0][:in[i].N]}, Addr: in[i].Addr}
		}
		for sent := 0; sent < n; {
			k, err := conn.WriteBatch(out[sent:n], 0)
			if err != nil { // a sender that has gone
				m.unsent, k = m.unsent+1, 1
			}
			sent += k
		}
	}
}

// came counts a packet.
func (m *meter) came(p *ipv4.Message) {
	b := p.Buffers[0]
	at := stampOf(p.OOB[:p.NN])
	from, ok := p.Addr.(*net.UDPAddr)
	if !ok || p.N < 12 || b[0]>>6 != 2 || at == 0 {
		return
	}
	seq, stamp := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
	key := source{from.AddrPort(), binary.BigEndian.Uint32(b[8:])}
	s := m.streams[key]
	if s == nil {
		m.streams[key] = &stream{packets: 1, seq: seq, at: at, clock: at, stamp: stamp}
		return
	}
	step := int16(seq - s.seq)
	if step <= 0 {
		m.repeated++
		return
	}
	s.packets++
	s.lost += int(step) - 1
	s.sent += time.Duration(int32(stamp-s.stamp)) * frame / perTick
	if step == 1 {
		_ = m.intervals.RecordValue(min(max(int64((at-s.at)/time.Microsecond), 1), 60_000_000))
	}
	s.clock = min(s.clock, at-s.sent)
	if at-s.sent-s.clock > frame {
		s.late++
	}
	s.seq, s.stamp, s.at = seq, stamp, at
}

// stampOf is the kernel's time stamp of a message; 0: there is none.
func stampOf(oob []byte) time.Duration {
	const header, want = 16, 32
	if len(oob) < want || binary.NativeEndian.Uint32(oob[8:]) != unix.SOL_SOCKET || binary.NativeEndian.Uint32(oob[12:]) != unix.SCM_TIMESTAMPNS {
		return 0
	}
	return time.Duration(binary.NativeEndian.Uint64(oob[header:]))*time.Second + time.Duration(binary.NativeEndian.Uint64(oob[header+8:]))
}

// sum is all of it.
func (m *meter) sum() metered {
	s := metered{Streams: len(m.streams), Repeated: m.repeated, Unsent: m.unsent, P1: float64(m.intervals.ValueAtQuantile(1)) / 1000, P99: float64(m.intervals.ValueAtQuantile(99)) / 1000, Max: float64(m.intervals.Max()) / 1000}
	for _, one := range m.streams {
		s.Packets += one.packets
		s.Lost += one.lost
		s.Late += one.late
		if float64(one.lost+one.late) >= 0.001*float64(one.packets+one.lost) {
			s.Bad++
		}
	}
	return s
}
