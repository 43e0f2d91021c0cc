package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Link is the way to a NATS server. Secrets come from files and the environment.
type Link struct {
	URL         string // nats://host:4222, or tls://; several with commas
	Token       string // for a server that asks for one
	Credentials string // a file, as nsc writes it
	CA          string // a file with the authority of the server's certificate; empty: the system's
}

// Check says what cannot work. A password in the URL is refused, because the URL
// stands in argv.
func (l Link) Check() error {
	for _, one := range strings.Split(l.URL, ",") {
		u, err := url.Parse(one)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls":
			return errors.New("nats: that is no URL of a server: write nats://HOST:4222, or tls://HOST:4222")
		case u.User != nil:
			return fmt.Errorf("nats: the URL of %s holds a user or a secret: give the secret by file or environment", u.Host)
		}
	}
	return nil
}

// tryAgain is how long it waits for a server that is not there yet.
const tryAgain = 500 * time.Millisecond

// connect waits for the server as long as ctx lasts; what will not mend itself, such
// as a wrong token, fails at once.
func (l Link) connect(ctx context.Context, name string) (*nats.Conn, error) {
	options := []nats.Option{nats.Name(name), nats.Timeout(2 * time.Second), nats.MaxReconnects(-1), nats.ReconnectWait(tryAgain)}
	if l.Token != "" {
		options = append(options, nats.Token(l.Token))
	}
	if l.Credentials != "" {
		options = append(options, nats.UserCredentials(l.Credentials))
	}
	if l.CA != "" {
		options = append(options, nats.RootCAs(l.CA))
	}
	for {
		conn, err := nats.Connect(l.URL, options...)
		if err == nil {
			return conn, nil
		}
		wait := errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout)
		if !wait {
			return nil, fmt.Errorf("connect to NATS at %s: %w", l.URL, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to NATS at %s: %w: start the server, or look at the address", l.URL, err)
		case <-time.After(tryAgain):
		}
	}
}
