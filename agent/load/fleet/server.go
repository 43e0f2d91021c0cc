package fleet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a NATS server of our own, for one test on one machine: on loopback, at a
// port that the system chooses, with a token of its own, without storage.
type Server struct {
	server *server.Server
	token  string
}

// maxPayload bounds a message: a result that is longer is no result of ours.
const maxPayload = 32 << 20

// StartServer starts one.
func StartServer() (*Server, error) {
	s := &Server{token: rand.Text()}
	var err error
	s.server, err = server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: s.token, MaxPayload: maxPayload, NoLog: true, NoSigs: true, NoSystemAccount: true,
	})
	if err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	go s.server.Start()
	if !s.server.ReadyForConnections(10 * time.Second) {
		s.Close()
		return nil, errors.New("start NATS server: it is not ready after 10 s")
	}
	return s, nil
}

// Link is the way to it.
func (s *Server) Link() Link { return Link{URL: s.server.ClientURL(), Token: s.token} }

// Close ends it and waits.
func (s *Server) Close() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}
