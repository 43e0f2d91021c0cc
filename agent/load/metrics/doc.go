// Package metrics lets Prometheus read how a load test stands.
//
// Words: the Exporter holds the newest Snapshot of a run and makes metrics of it when
// it is asked; a Server answers with them at /metrics, by HTTP, on a loopback address
// unless somebody says that others may ask.
//
// Distributions are the HDR histograms of the run, by their buckets: as native
// histograms (a bucket grows by 2 %) for who asks for the protobuf form, and with
// fixed bounds for everybody. They merge over generators as the run's own do. What was
// counted and has no row in the table of names.go has a name made from its raw one, so
// that nothing is left out. Causes come from the network: of each kind a bounded
// number is told by itself.
//
// Goroutines: those of net/http, ended by Close. Take may be called on any.
//
// Outside: prometheus/client_golang writes both forms and looks after names.
package metrics
