package main

import (
	"github.com/urfave/cli/v2"

	"ringback/agent/load"
	"ringback/agent/load/metrics"
)

// metricsFlags are those of what Prometheus reads.
func metricsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "metrics", Usage: "serve metrics for Prometheus at http://`ADDRESS:PORT`/metrics while it runs"},
		&cli.BoolFlag{Name: "metrics-to-network", Usage: "let --metrics be an address that other machines reach: whoever reaches it reads what the test counts"},
	}
}

// serveMetrics serves what the flags ask for, and extends the options by what it
// needs. close is never nil.
func (sh *shell) serveMetrics(c *cli.Context, o *load.Options) (close func(), err error) {
	switch {
	case !c.IsSet("metrics") && c.Bool("metrics-to-network"):
		return func() {}, usageError("--metrics-to-network: it needs --metrics ADDRESS:PORT")
	case !c.IsSet("metrics"):
		return func() {}, nil
	case c.String("shard") != "" && c.String("nats") != "":
		return func() {}, usageError("flag --metrics: what all generators count is with their coordinator").withHint("give it to ringback load --generators N --nats URL")
	}
	at, err := metrics.Address(c.String("metrics"), c.Bool("metrics-to-network"))
	if err != nil {
		return func() {}, usageError("flag --metrics: %v", err)
	}
	server, err := metrics.Serve(at, o.Steer, o.Log)
	if err != nil {
		return func() {}, &failure{code: exitFailed, name: "failed", message: err.Error()}
	}
	sh.progress("metrics are at http://%s/metrics", server.Addr())
	alsoTell(o, server.Take)
	return server.Close, nil
}
