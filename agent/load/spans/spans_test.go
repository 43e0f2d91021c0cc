package spans

import (
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"ringback/agent/load"
)

// collected is a collector in this process, and what it was sent.
type collected struct {
	mu       sync.Mutex
	spans    []*otlp.Span
	resource []*common.KeyValue
	path     string
}

func collect(t *testing.T, status int) *collected {
	t.Helper()
	c := &collected{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(text, &request)
		}
		if err != nil {
			t.Errorf("what comes is no OTLP: %v", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.path = r.URL.Path
		for _, rs := range request.GetResourceSpans() {
			c.resource = rs.GetResource().GetAttributes()
			for _, ss := range rs.GetScopeSpans() {
				c.spans = append(c.spans, ss.GetSpans()...)
			}
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	return c
}

func value(all []*common.KeyValue, key string) string {
	for _, kv := range all {
		if kv.GetKey() == key {
			if kv.GetValue().GetStringValue() == "" {
				return fmt.Sprint(kv.GetValue().GetIntValue())
			}
			return kv.GetValue().GetStringValue()
		}
	}
	return ""
}

func events(s *otlp.Span) (all []string) {
	for _, e := range s.GetEvents() {
		all = append(all, e.GetName())
	}
	return all
}

// run makes 40 calls of which some are busy, and traces them.
func run(t *testing.T, e *Exporter) *load.Report {
	t.Helper()
	far, err := load.StartResponder(load.ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: load.MediaNone, Busy: 0.3}, load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	p, err := load.ParsePlan(fmt.Appendf(nil, "account: {registrar: 'sip:%s', bind: 127.0.0.1}\nusers: {first: 2001, count: 4}\nlateness: 10s\ncalls: {to: ['sip:601@%[1]s'], rate: 40, for: 1s, talk: {mean: 50ms}}\n", far.Addresses()[0]))
	if err != nil {
		t.Fatal(err)
	}
	r, err := load.Run(t.Context(), p, load.Options{Shards: 1, Ladders: true, OnFailed: e.Add})
	if err != nil {
		t.Fatal(err)
	}
	return r.Report()
}

// Each failed call is a trace, with its transactions and their messages at their times.
func TestExporter(t *testing.T) {
	c := collect(t, http.StatusOK)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=lab")
	e, err := New(t.Context(), Config{Version: "1.2", Part: load.Part{Index: 0, Of: 2}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	report := run(t, e)
	if sum := e.Close(); sum.Sent != report.Failed || sum.Lost != 0 || report.Failed == 0 {
		t.Fatalf("%v, and %d calls failed", sum, report.Failed)
	}
	if c.path != "/v1/traces" || value(c.resource, "service.name") != "ringback-load" || value(c.resource, "service.instance.id") != "1/2" || value(c.resource, "deployment.environment") != "lab" {
		t.Errorf("%s: %v", c.path, c.resource)
	}
	roots, children := map[string]*otlp.Span{}, 0
	for _, s := range c.spans {
		if len(s.GetParentSpanId()) == 0 {
			roots[hex.EncodeToString(s.GetTraceId())] = s
		}
	}
	for _, s := range c.spans {
		root := roots[hex.EncodeToString(s.GetTraceId())]
		if s.GetStartTimeUnixNano() < uint64(began.UnixNano()) || s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() > uint64(time.Now().UnixNano()) {
			t.Errorf("%s lasts from %d to %d", s.GetName(), s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano())
		}
		if s == root {
			if s.GetName() != "call" || value(s.GetAttributes(), "ringback.cause") != "486 Busy Here" || value(s.GetAttributes(), "sip.call_id") == "" || s.GetStatus().GetCode() != otlp.Status_STATUS_CODE_ERROR {
				t.Errorf("%v", s)
			}
			continue
		}
		children++
		got := events(s)
		if s.GetName() != "INVITE" || value(s.GetAttributes(), "sip.status_code") != "486" || !strings.HasPrefix(got[0], "INVITE sip:601@") || !slices.Contains(got, "486 Busy Here") || !strings.HasPrefix(got[len(got)-1], "ACK sip:601@") || string(s.GetParentSpanId()) != string(root.GetSpanId()) ||
			s.GetStartTimeUnixNano() < root.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() > root.GetEndTimeUnixNano() {
			t.Errorf("%v: %v", got, s)
		}
	}
	if len(roots) != report.Failed || children != report.Failed {
		t.Errorf("%d traces with %d transactions of %d failed calls", len(roots), children, report.Failed)
	}
}

// A collector that takes nothing does not hold the run up, and what is missing is told.
func TestExporter_Refused(t *testing.T) {
	collect(t, http.StatusForbidden)
	e, err := New(t.Context(), Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	report := run(t, e)
	sum := e.Close()
	if sum.Sent != 0 || sum.Lost != report.Failed || sum.Why == nil || !strings.Contains(sum.String(), "403") {
		t.Errorf("%v, and %d calls failed", sum, report.Failed)
	}
}

func TestWanted(t *testing.T) {
	for _, row := range []struct {
		env    map[string]string
		wanted bool
		err    string
	}{
		{nil, false, ""},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, true, ""},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, true, ""},
		{map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		{map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, false, ""},
		{map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, false, ""},
		{map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, "OTEL_TRACES_EXPORTER=zipkin: this program speaks otlp"},
		{map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: this program speaks http/protobuf"},
	} {
		wanted, err := Wanted(func(name string) string { return row.env[name] })
		if wanted != row.wanted || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%v: %v %v", row.env, wanted, err)
		}
	}
}

// Texts from the network make neither a broken trace nor an endless one.
func TestClean(t *testing.T) {
	if got := clean("486 \xff\x00\n" + strings.Repeat("ä", 500)); len(got) > maxText || !strings.HasPrefix(got, "486 \ufffd\ufffd\ufffd") {
		t.Errorf("%q", got)
	}
}
