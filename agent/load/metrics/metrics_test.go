package metrics

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"ringback/agent/load"
)

// run makes a load test on loopback and hands over its last snapshot.
func run(t *testing.T) *load.Result {
	t.Helper()
	far, err := load.StartResponder(load.ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: load.MediaNone, Busy: 0.2}, load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	p, err := load.ParsePlan(fmt.Appendf(nil, "account: {registrar: 'sip:%s', bind: 127.0.0.1}\nusers: {first: 2001, count: 4}\nlateness: 10s\ncalls: {to: ['sip:601@%[1]s'], rate: 50, for: 1s, talk: {mean: 50ms}}\nthresholds: ['failures < 50%%', 'answered > 1000']\n", far.Addresses()[0]))
	if err != nil {
		t.Fatal(err)
	}
	r, err := load.Run(t.Context(), p, load.Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func get(t *testing.T, url, accept string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, text
}

// A scrape has what the run's report has, in text and as native histograms, under
// names that Prometheus' own rules have nothing against.
func TestScrape(t *testing.T) {
	result := run(t)
	report := result.Report()
	steer := load.NewSteer()
	if err := steer.SetRate(1.5); err != nil {
		t.Fatal(err)
	}
	s, err := Serve(netip.MustParseAddrPort("127.0.0.1:0"), steer, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	url := "http://" + s.Addr() + "/metrics"
	if _, text := get(t, url, ""); !strings.Contains(string(text), "ringback_load_rate_ratio 1.5") {
		t.Errorf("before the first snapshot: %s", text)
	}
	s.Take(result.Snapshot())

	_, text := get(t, url, "")
	for _, want := range []string{
		fmt.Sprintf("ringback_load_calls_begun_total %d", report.Began), fmt.Sprintf("ringback_load_calls_failed_total %d", report.Failed),
		fmt.Sprintf(`ringback_load_call_causes_total{cause="486 Busy Here"} %d`, report.Failed), "ringback_load_calls_up 0",
		`ringback_load_threshold_met{threshold="failures < 50%"} 1`, `ringback_load_threshold_met{threshold="answered > 1000"} 0`, "ringback_load_valid 1",
		fmt.Sprintf("ringback_load_call_answer_seconds_count %d", report.Answered), `ringback_load_call_setup_seconds_bucket{le="+Inf"}`,
		`ringback_load_generator_cpu_seconds_total{generator="1/1"}`, fmt.Sprintf(`ringback_load_generator_resent_messages_total{generator="1/1"} %d`, report.Self.Resent),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", err, problems)
	}

	resp, protobuf := get(t, url, "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	read := expfmt.NewDecoder(strings.NewReader(string(protobuf)), expfmt.ResponseFormat(resp.Header))
	for {
		var family dto.MetricFamily
		if err := read.Decode(&family); err == io.EOF {
			t.Error("there is no native histogram of the answer")
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if family.GetName() == "ringback_load_call_answer_seconds" {
			h := family.GetMetric()[0].GetHistogram()
			if p99 := quantile(h, 0.99) * 1000; h.GetSchema() != schema || h.GetSampleCount() != uint64(report.Answered) || p99 < report.Answer.P99*0.97 || p99 > report.Answer.P99*1.03 {
				t.Errorf("p99 is %.3f ms by the native histogram, %.3f ms by the report: %v", p99, report.Answer.P99, h)
			}
			break
		}
	}
	for _, nothing := range []string{"/", "/debug/vars", "/debug/pprof/"} { // which the client and the NATS server link
		if resp, _ := get(t, "http://"+s.Addr()+nothing, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered with %s", nothing, resp.Status)
		}
	}
}

// quantile is the upper bound of the bucket of a native histogram in which it is.
func quantile(h *dto.Histogram, q float64) float64 {
	index, n, seen, at := 0, int64(0), h.GetZeroCount(), 0
	for _, span := range h.GetPositiveSpan() {
		index += int(span.GetOffset())
		for range span.GetLength() {
			n += h.GetPositiveDelta()[at]
			at++
			if seen += uint64(n); float64(seen) >= q*float64(h.GetSampleCount()) {
				return math.Pow(2, float64(index)/(1<<schema))
			}
			index++
		}
	}
	return math.NaN()
}

// All that a result counts is told, also what the tables do not know, and what the
// tables know is counted.
func TestNames_Complete(t *testing.T) {
	r := load.NoResult(&load.Plan{}, load.Part{})
	all := r.Counted()
	for raw := range counters() {
		if _, counted := all.Counters[raw]; !counted {
			t.Errorf("no result counts %s", raw)
		}
	}
	for raw := range causes() {
		if _, counted := all.Causes[raw]; !counted {
			t.Errorf("no result counts causes of %s", raw)
		}
	}
	for raw := range distributions() {
		if _, counted := all.Distributions[raw]; !counted {
			t.Errorf("no result measures %s", raw)
		}
	}
	for raw := range all.Distributions {
		if _, _, known := distributionScale(raw); !known {
			t.Errorf("%s is told nowhere", raw)
		}
	}
	if counterRow("new_things").name != "new_things_total" {
		t.Error("what is new has no name")
	}
	e := &exporter{rate: func() float64 { return 1 }, now: r.Snapshot()}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(e)
	if n, err := testutil.GatherAndCount(registry); err != nil || n < len(all.Counters)+len(all.Distributions) {
		t.Errorf("%d metrics: %v", n, err)
	}
}

// Causes come from the network: they are bounded, and what they hold cannot break out.
func TestCauses_Bounded(t *testing.T) {
	counts := map[string]int{"503 \xff\n evil\"} 1": 7, strings.Repeat("ä", 500): 3}
	for i := range 200 {
		counts[fmt.Sprint("cause ", i)] = 1
	}
	all := bounded(counts)
	if len(all) != maxCauses+1 || all["other"] != 202-maxCauses || all["503 \ufffd\ufffd evil\"} 1"] != 7 {
		t.Errorf("%d: %v", len(all), all)
	}
	for text := range all {
		if len(text) > maxLabel {
			t.Errorf("%q has %d bytes", text, len(text))
		}
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{"127.0.0.1:0": "", "[::1]:9464": "", "0.0.0.0:9464": "--metrics-to-network", ":9464": "write 127.0.0.1:9464", "pbx:1": "write"} {
		_, err := Address(text, false)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Address("0.0.0.0:9464", true); err != nil {
		t.Error(err)
	}
}

// Close ends what listens.
func TestServer_Close(t *testing.T) {
	s, err := Serve(netip.MustParseAddrPort("127.0.0.1:0"), load.NewSteer(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+s.Addr()+"/metrics", nil)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("it still answers")
	}
}
