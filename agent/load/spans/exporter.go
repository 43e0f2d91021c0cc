package spans

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"

	"ringback/agent/load"
)

// Config is what an Exporter is given beside the environment.
type Config struct {
	Version string
	Part    load.Part
	Log     *slog.Logger
}

// Of the way to the collector.
const (
	maxWaiting = 2000             // calls
	batch      = 256              // spans that make a request
	patience   = time.Second      // until less are sent
	tryTime    = 10 * time.Second // of one request, with what is tried again
	maxTries   = 3                // requests in a row that fail; then no other is made
)

// Exporter sends the traces of failed calls to a collector. Make one with New, and
// Close it.
type Exporter struct {
	log     *slog.Logger
	out     *otlptrace.Exporter
	shelf   shelf // worker goroutine
	tracer  *trace.TracerProvider
	calls   chan load.CallResult
	ended   chan struct{}
	lost    atomic.Int64 // calls that had no room
	sent    int          // calls; worker goroutine
	failed  int
	why     error // of the last that failed
	tries   int   // that failed in a row
	closing atomic.Bool
	pending int // calls whose spans are on the shelf
}

// Sum is what became of the calls that an Exporter was given.
type Sum struct {
	Sent, Lost int
	Why        error // of the loss, where a request failed
}

// String tells it in words.
func (s Sum) String() string {
	text := fmt.Sprintf("%d failed calls are traced", s.Sent)
	if s.Lost > 0 {
		text += fmt.Sprintf(", and %d could not be: ", s.Lost)
		if s.Why != nil {
			return text + s.Why.Error()
		}
		return text + "the collector is too slow for so many"
	}
	return text
}

// New makes one by the standard variables of the process. It is not asked whether the
// collector is there: what cannot be sent is told by Close.
func New(ctx context.Context, c Config) (*Exporter, error) {
	out, err := otlptracehttp.New(ctx, otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: 200 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: tryTime}))
	if err != nil {
		return nil, fmt.Errorf("export traces: %w: look at the variables OTEL_EXPORTER_OTLP_…", err)
	}
	about := []attribute.KeyValue{attribute.String("service.name", "ringback-load"), attribute.String("service.version", c.Version)}
	if c.Part.Of > 1 {
		about = append(about, attribute.String("service.instance.id", c.Part.String()))
	}
	res, err := resource.New(ctx, resource.WithAttributes(about...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("export traces: %w: look at OTEL_RESOURCE_ATTRIBUTES", err)
	}
	e := &Exporter{log: c.Log, out: out, calls: make(chan load.CallResult, maxWaiting), ended: make(chan struct{})}
	e.tracer = trace.NewTracerProvider(trace.WithResource(res), trace.WithSpanProcessor(&e.shelf))
	go e.run()
	return e, nil
}

// Add takes a call that has failed. Any goroutine, not after Close.
func (e *Exporter) Add(r load.CallResult) {
	select {
	case e.calls <- r:
	default:
		e.lost.Add(1)
	}
}

// Close sends what waits and says what became of all.
func (e *Exporter) Close() Sum {
	e.closing.Store(true)
	close(e.calls)
	<-e.ended
	ctx, cancel := context.WithTimeout(context.Background(), tryTime)
	defer cancel()
	_ = e.tracer.Shutdown(ctx) // it holds nothing: the shelf was sent
	_ = e.out.Shutdown(ctx)
	return Sum{Sent: e.sent, Lost: int(e.lost.Load()) + e.failed, Why: e.why}
}

// run is the worker.
func (e *Exporter) run() {
	defer close(e.ended)
	tracer := e.tracer.Tracer("ringback/agent/load")
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		select {
		case r, more := <-e.calls:
			if !more {
				e.send()
				return
			}
			span(tracer, r)
			if e.pending++; len(e.shelf.spans) >= batch {
				e.send()
			}
		case <-tick.C:
			e.send()
		}
	}
}

// send sends what is on the shelf.
func (e *Exporter) send() {
	spans, calls := e.shelf.spans, e.pending
	e.shelf.spans, e.pending = nil, 0
	if len(spans) == 0 {
		return
	}
	if e.tries >= maxTries {
		e.failed += calls
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*tryTime)
	defer cancel()
	if err := e.out.ExportSpans(ctx, spans); err != nil {
		e.failed, e.why = e.failed+calls, fmt.Errorf("export traces: %w", err)
		e.log.Warn("load: export traces", "error", err)
		if e.tries++; e.closing.Load() { // nobody waits for a collector that is not there
			e.tries = maxTries
		}
		return
	}
	e.tries = 0
	e.sent += calls
}

// shelf is a span processor that keeps what has ended, so that whoever sends it knows
// what became of it. One goroutine makes the spans and takes them.
type shelf struct{ spans []trace.ReadOnlySpan }

// OnStart implements trace.SpanProcessor.
func (s *shelf) OnStart(context.Context, trace.ReadWriteSpan) {}

// OnEnd implements trace.SpanProcessor.
func (s *shelf) OnEnd(one trace.ReadOnlySpan) { s.spans = append(s.spans, one) }

// Shutdown implements trace.SpanProcessor.
func (s *shelf) Shutdown(context.Context) error { return nil }

// ForceFlush implements trace.SpanProcessor.
func (s *shelf) ForceFlush(context.Context) error { return nil }
