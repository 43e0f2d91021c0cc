package media

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// onlyPackets hides what a connection is, so that it is read by a goroutine.
type onlyPackets struct{ net.PacketConn }

type onlyPacketsNetwork struct{}

func (onlyPacketsNetwork) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	conn, err := Host().ListenPacket(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return onlyPackets{conn}, nil
}

// TestEngine_OnTheMachinesOwnSockets runs in real time: a tone goes over
// loopback both ways, read without waiting and read by goroutines.
func TestEngine_OnTheMachinesOwnSockets(t *testing.T) {
	for _, row := range []struct {
		name, ip string
		network  Network
	}{{"direct", "127.0.0.1", Host()}, {"queued", "127.0.0.1", onlyPacketsNetwork{}}, {"six", "::1", Host()}} {
		t.Run(row.name, func(t *testing.T) {
			ip := netip.MustParseAddr(row.ip)
			if conn, err := Host().ListenPacket(t.Context(), "udp", netip.AddrPortFrom(ip, 0).String()); err != nil {
				t.Logf("this machine has no %s: nothing to test", ip)
				return
			} else if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			e := NewEngine(EngineConfig{Network: row.network})
			ended := make(chan error, 1)
			go func() { ended <- e.Run(context.Background()) }()
			heard := make(chan Event, 64)
			a, b := realPair(t, e, ip, heard)
			for range 2 {
				select {
				case <-heard:
				case <-time.After(time.Minute):
					t.Fatalf("no tone:\n%+v\n%+v", a.Stats(), b.Stats())
				}
			}
			// A machine that stood still for a second is heard in the jitter for a while.
			limit := time.Now().Add(time.Minute)
			for b.Stats().JitterMS > 50 && time.Now().Before(limit) {
				<-time.After(audio.FrameTime)
			}
			if st := b.Stats(); st.RxPackets == 0 || st.TxFailed != 0 || st.JitterMS > 50 {
				t.Errorf("%+v", st)
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if _, err := e.NewSession(SessionConfig{LocalIP: ip}); err == nil {
				t.Error("a closed engine makes sessions")
			}
		})
	}
}

// realPair makes two sessions that send each other tones; heard gets an event
// for each that hears the other's.
func realPair(t testing.TB, e *Engine, ip netip.Addr, heard chan Event) (a, b *Session) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sessions := [2]*Session{}
	for i := range sessions {
		s, err := e.NewSession(SessionConfig{LocalIP: ip, Codecs: []string{"PCMU"}})
		check(err)
		bridge, player := e.NewBridge(), e.NewPlayer()
		player.PlayTone(audio.Sine(440, -12), nil)
		meter := e.NewMeter(MeterConfig{Tones: []float64{440}, OnEvent: func(ev Event) {
			if tone, ok := ev.(ToneHeard); ok && tone.On && heard != nil {
				heard <- ev
			}
		}})
		for _, p := range []Port{s, player, meter} {
			_, err := bridge.Add(p)
			check(err)
		}
		check(bridge.SetRoutes([]mixer.Route{{From: player.Slot(), To: s.Slot()}, {From: s.Slot(), To: meter.Slot()}}))
		sessions[i] = s
	}
	offer, err := sessions[0].CreateOffer(sdp.SendRecv)
	check(err)
	answer, err := sessions[1].AcceptOffer(offer, sdp.SendRecv)
	check(err)
	check(sessions[0].AcceptAnswer(answer, false))
	return sessions[0], sessions[1]
}

// TestRawSocket_ReadsWhatIsThereAndNeverWaits holds the socket that is read
// directly: order, sender, arrival, and errors of others that come back.
func TestRawSocket_ReadsWhatIsThereAndNeverWaits(t *testing.T) {
	listen := func() net.PacketConn {
		conn, err := Host().ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
		must(t, err)
		return conn
	}
	var tasks sync.WaitGroup
	ca, cb := listen(), listen()
	a, b := newSocket(ca, &tasks), newSocket(cb, &tasks)
	defer tasks.Wait()
	defer a.close()
	defer b.close()
	to := addrPort(cb.LocalAddr())
	buf := make([]byte, 100)
	if _, _, _, ok := b.read(buf, time.Now()); ok {
		t.Fatal("read something from nothing")
	}
	closed := listen()
	must(t, closed.Close())
	_ = a.write([]byte("nobody there"), addrPort(closed.LocalAddr())) // may come back as an error of the next call
	got, begun := 0, time.Now()
	deadline := begun.Add(time.Minute)
	for i := 0; got < 10 && time.Now().Before(deadline); i++ {
		if i < 10 {
			if err := a.write([]byte{byte(i)}, to); err != nil {
				must(t, a.write([]byte{byte(i)}, to))
			}
		}
		n, from, at, ok := b.read(buf, time.Now())
		if !ok {
			continue
		}
		if n != 1 || int(buf[0]) != got || from != addrPort(ca.LocalAddr()) || at.Before(begun.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
			t.Fatalf("%d bytes %v from %v at %v; sent after %v", n, buf[:n], from, at, begun)
		}
		got++
	}
	if got != 10 {
		t.Errorf("read %d of 10", got)
	}
}
