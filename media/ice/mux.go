package ice

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pion/transport/v5/deadline"
)

type datagram struct {
	data []byte
	from netip.AddrPort
}

// mux is the session's socket as pion/ice wants it, and its only connection.
type mux struct {
	agent *Agent
	in    chan datagram
	done  chan struct{}
	once  sync.Once
	until *deadline.Deadline // of reading
}

func (m *mux) GetConn(string, net.Addr) (net.PacketConn, error) { return m, nil }
func (m *mux) RemoveConnByUfrag(string)                         {}
func (m *mux) GetListenAddresses() []net.Addr                   { return []net.Addr{m.LocalAddr()} }
func (m *mux) LocalAddr() net.Addr                              { return net.UDPAddrFromAddrPort(m.agent.cfg.Local) }
func (m *mux) SetDeadline(t time.Time) error                    { return m.SetReadDeadline(t) }
func (m *mux) SetWriteDeadline(time.Time) error                 { return nil }

func (m *mux) Close() error {
	m.once.Do(func() { close(m.done) })
	return nil
}

func (m *mux) SetReadDeadline(t time.Time) error {
	m.until.Set(t)
	return nil
}

func (m *mux) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-m.in:
		return copy(b, d.data), net.UDPAddrFromAddrPort(d.from), nil
	case <-m.until.Done():
		return 0, nil, os.ErrDeadlineExceeded
	case <-m.done:
		return 0, nil, net.ErrClosed
	}
}

func (m *mux) WriteTo(b []byte, to net.Addr) (int, error) {
	if udp, ok := to.(*net.UDPAddr); ok {
		at := udp.AddrPort()
		m.agent.cfg.Send(b, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
	}
	return len(b), nil
}
