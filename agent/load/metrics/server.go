package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ringback/agent/load"
)

// Server answers scrapes of one run. Make one with Serve, and Close it.
type Server struct {
	exporter *exporter
	listener net.Listener
	http     *http.Server
	ended    chan struct{}
}

// Address checks where a Server is to listen: HOST:PORT with an address of this
// machine that others do not reach, unless open says that they may. Errors say what
// to write.
func Address(text string, open bool) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("%q is no address with a port: write 127.0.0.1:9464", text)
	}
	if !at.Addr().Unmap().IsLoopback() && !open {
		return at, fmt.Errorf("%q can be reached from other machines: give a loopback address such as 127.0.0.1:%d, or say that you mean it with --metrics-to-network", text, at.Port())
	}
	return at, nil
}

// scrapes at a time, and how long one may take.
const (
	maxScrapes = 4
	scrapeTime = 5 * time.Second
)

// Serve listens and answers GET /metrics until Close. steer tells the rate that is
// wanted.
func Serve(at netip.AddrPort, steer *load.Steer, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	s := &Server{listener: listener, ended: make(chan struct{}), exporter: &exporter{rate: func() float64 {
		times, _ := steer.Rate()
		return times
	}}}
	registry := prometheus.NewRegistry()
	if err := registry.Register(s.exporter); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapeTime}))
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: scrapeTime, ReadTimeout: scrapeTime, WriteTimeout: 2 * scrapeTime, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(listener) // ends with Close
	}()
	return s, nil
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Take makes this what is told from now on.
func (s *Server) Take(now *load.Snapshot) { s.exporter.take(now) }

// Close lets scrapes end that are under way, for a second, and waits.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	<-s.ended
}
