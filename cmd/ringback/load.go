package main

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent/load"
	"ringback/sip"
)

// loadCommand is `ringback load`.
func loadCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "load", Usage: "put a PBX under load, as a plan says, and judge it; or be its far end", ArgsUsage: "FILE|responder|merge|schema",
		Subcommands: []*cli.Command{responderCommand(sh), mergeCommand(sh), loadSchemaCommand(sh)},
		Flags:       slices.Concat(watchFlags(), fleetFlags(), reportFlags(), metricsFlags()),
		Description: `$ ringback load evening.yaml
    1 s  10 began (10.0/s)  8 up now  0 failed  setup p50 1.2ms p99 3.4ms  late p99 0.4ms
...
ok  600 calls began at 10.0/s, 600 answered, 0 failed, 0 dropped
    setup      p50 1.2 ms  p90 2.0 ms  p99 3.4 ms  most 5.1 ms  (from the moment at which the plan wanted the call)
    answer     p50 4.1 ms  p90 6.6 ms  p99 9.9 ms  most 12.0 ms
    itself     late p99 0.4 ms, 2.1 s of CPU (0.03 cores), 0 datagrams dropped by its own signalling sockets, 0 messages sent again
    ok         p99(setup) < 500ms: it is 3.4ms
    ok         failures < 0.1%: it is 0%

evening.yaml:
    account: {registrar: sip:pbx.example.com, transport: udp}   # udp, tcp, tls, ws, wss; sources: [192.0.2.10, 192.0.2.11:20000-20999]
    users: {first: 2001, count: 100, password_file: load.secret}   # or file: users.csv, of lines user,password
    register: true            # with churn: {rate: 2, away: {mean: 10s}} users go and come back
    # with register: calls that come to the users are answered, in media of their own
    # answer: {ring: 2s, busy: 5%, refuse: 1%, mute: 1%, late: 10%, late_by: 20s, talk: {mean: 30s}, media: "echo 50%, tone 50%", codecs: [pcmu]}
    calls:
      to: ["sip:601@pbx.example.com"]           # or sip:{number}@pbx.example.com, of the columns of data: contacts.csv
      # headers: {X-Case: "{case}"}
      rate: 10                # calls a second; or concurrency: 50, with think: {mean: 2s}
      ramp: 10s
      for: 60s
      # in place of rate, ramp and for: steps: [{rate: 10, for: 1m}, {rate: 50, ramp: 5s, for: 1m, thresholds: ["p99(setup) < 500ms"]}]
      talk: {mean: 30s, spread: exponential}    # constant, uniform, exponential or lognormal
      media: tone             # none (signalling only), silence, tone, echo, or file with file: hello.wav
      codecs: [pcmu, pcma]    # of opus, g722, pcmu, pcma; with encryption: sdes or dtls, and ptime: 40ms
    # in place of calls: the users are agents who take the callbacks that the PBX offers
    # agents: {for: 10m, think: {mean: 3s}, talk: {mean: 90s, spread: exponential}, wrap_up: {mean: 5s}, hold: 20%, dtmf: 5%, reject: 2%,
    #   consult: 5%, consult_to: "sip:602@pbx.example.com", conference: 2%, conference_to: "sip:604@pbx.example.com", transfer: 3%, transfer_to: "sip:603@pbx.example.com", reschedule: 10%, dispositions: [sold],
    #   media: tone, codecs: [pcmu], encryption: "off",    # silence, tone, echo or file with file: hello.wav; off, sdes or dtls
    #   pbx: {pause: "*46", unpause: "*47"}}    # so the queue knows who is ready; or publish: true
    thresholds: ["p99(setup) < 500ms", "failures < 0.1%", "mos.p5 > 4.0", "registration.failures == 0"]
    abort_on: ["failures > 20%"]

On a terminal it shows how it goes, and takes keys: + and - turn the rate, p pauses, s lets no call begin any more,
q hangs up. Elsewhere, and with --lines, it writes a line a second. What was changed by hand stands in the report.
--metrics 127.0.0.1:9464 serves what is counted for Prometheus; OTEL_EXPORTER_OTLP_ENDPOINT and its like trace failed calls.
Interrupting it once hangs up, unregisters and reports what there was; the exit code is 1, as the plan was not done.

More than one core or machine can bear: several generators under one test, with one start, one report and one end.
    $ ringback load --generators 4 evening.yaml                                    # 4 processes here
    $ ringback load --generators 4 --nats nats://nats:4222 evening.yaml            # coordinates those that are elsewhere:
    $ ringback load --shard 1/4 --nats nats://nats:4222 evening.yaml               # one of them`,
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 || strings.TrimSpace(c.Args().First()) == "" {
				return usageError("FILE is missing or more than one: %q", strings.Join(c.Args().Slice(), " ")).withHint("usage: ringback load FILE, or: ringback load responder")
			}
			plan, err := load.ReadPlan(c.Args().First())
			if err != nil {
				return usageError("%v", err).withHint("ringback load --help shows a plan")
			}
			return sh.load(c, plan)
		},
	}
}

func (sh *shell) load(c *cli.Context, plan *load.Plan) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	o := load.Options{Log: log, Steer: load.NewSteer()}
	files, err := openLoadFiles(c, &o)
	if err != nil {
		return err
	}
	closeMetrics, err := sh.serveMetrics(c, &o)
	defer closeMetrics()
	if err != nil {
		return err
	}
	closeTraces, err := sh.traceFailed(c, &o)
	if err != nil {
		return err
	}
	var result *load.Result
	if sh.watches(c) {
		result, err = sh.measureInView(c, plan, o, files.name)
	} else {
		alsoTell(&o, sh.loadLine)
		result, err = sh.measure(c, plan, o)
	}
	closeTraces()
	if ended := files.close(); err == nil {
		err = ended
	}
	if err != nil || result == nil {
		return err
	}
	return sh.loadReport(c, result, files)
}

// alsoTell tells one more how the test goes, beside those that are told already.
func alsoTell(o *load.Options, another func(*load.Snapshot)) {
	before := o.OnProgress
	o.OnProgress = func(s *load.Snapshot) {
		if before != nil {
			before(s)
		}
		another(s)
	}
}

// loadLine tells in a line how the test goes.
func (sh *shell) loadLine(s *load.Snapshot) { sh.progress("%s", clean(s.Line())) }

// loadReport prints what a result came to; the error says why that is not well.
func (sh *shell) loadReport(c *cli.Context, result *load.Result, files *loadFiles) error {
	report := result.Report()
	sh.result(c, report, loadText(report))
	if err := files.write(result, report); err != nil {
		return err
	}
	if report.OK {
		return nil
	}
	f := &failure{code: exitExpectation, name: "expectation", message: strings.Join(report.Why, "; "), told: true}
	if !report.Valid || report.Interrupted() { // it was not done: what holds of a part of it is no verdict
		f.code, f.name = exitFailed, "failed"
	}
	return f
}

// loadSchemaCommand is `ringback load schema`.
func loadSchemaCommand(sh *shell) *cli.Command {
	return schemaCommand(sh, "load schema", "a load plan", "ringback.load-plan/1", load.JSONSchema)
}

// loadText is a report for people.
func loadText(r *load.Report) string {
	var b strings.Builder
	word := "ok"
	if !r.OK {
		word = "failed"
	}
	if r.Began > 0 || r.Registered+r.NotRegister == 0 {
		fmt.Fprintf(&b, "%s  %d calls began at %.1f/s, %d answered, %d failed, %d dropped\n", word, r.Began, r.Rate, r.Answered, r.Failed, r.Dropped)
	} else {
		own := ""
		if r.Inbound != nil {
			own = " of their own"
		}
		fmt.Fprintf(&b, "%s  %d users registered, %d not, no calls%s\n", word, r.Registered, r.NotRegister, own)
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "    %-10s %s\n", name, clean(fmt.Sprintf(format, args...)))
	}
	if r.Setup.Count > 0 {
		from := "the moment at which the plan wanted the call"
		if r.Kind == load.KindClosed {
			from = "when its place was free: a plan with a concurrency waits for a slow PBX"
		}
		row("setup", "%s  (from %s)", timesText(r.Setup), from)
	}
	if r.Answer.Count > 0 {
		row("answer", "%s", timesText(r.Answer))
	}
	if r.Sounded > 0 {
		row("media", "%d calls, %d of them heard nothing%s%s, loss p50 %.2f%% p99 %.2f%%, jitter p99 %.1f ms",
			r.Sounded, r.Silent, scoresText("MOS", r.MOS), scoresText("wide-band MOS", r.Wide), r.Loss.P50, r.Loss.P99, r.Jitter.P99)
	}
	if r.Began > 0 && r.Registered+r.NotRegister > 0 {
		row("users", "%d registered, %d not", r.Registered, r.NotRegister)
	}
	if r.Registering.Count > 0 {
		row("registered", "%s  (%d refreshed, %d lost)", timesText(r.Registering), r.Refreshed, r.Lapsed)
	}
	if r.Went > 0 {
		row("churn", "%d users went, %d came back", r.Went, r.CameBack)
	}
	if in := r.Inbound; in != nil {
		row("inbound", "%v", in)
		for _, f := range in.Causes {
			row("cause", "%d × inbound: %s", f.Count, f.Text)
		}
	}
	if a := r.Agents; a != nil {
		row("agents", "%d offers, %d interactions done, %d answered", a.Offers, a.Done, r.Answered)
		for _, name := range slices.Sorted(maps.Keys(a.Verbs)) {
			row("  "+name, "%d ×  %s", a.Verbs[name].Count, timesText(a.Verbs[name]))
		}
		for _, f := range a.Failures {
			row("cause", "%d × %s", f.Count, f.Text)
		}
	}
	for _, s := range r.Steps {
		row(fmt.Sprintf("step %d", s.Step), "%s", s.Outcome())
	}
	row("itself", "late p99 %.1f ms, %v", r.Lateness.P99, r.Self)
	for _, g := range r.Generators {
		lost := ""
		if g.Lost != "" {
			lost = ", lost: " + g.Lost
		}
		row(g.Generator, "late p99 %.1f ms, %v%s", g.Lateness.P99, g.Self, lost)
	}
	for _, cause := range append(r.Causes, r.Refusals...) {
		row("cause", "%d × %s", cause.Count, cause.Text)
	}
	for _, v := range r.Thresholds {
		word := "ok"
		if !v.OK {
			word = "not met"
		}
		row(word, "%s", v)
	}
	for _, s := range r.Steered {
		row("by hand", "%v", s)
	}
	for _, why := range r.Why {
		row("why", "%s", why)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// scoresText is empty where no call was on that scale.
func scoresText(scale string, s load.Scores) string {
	if s.Count == 0 {
		return ""
	}
	return fmt.Sprintf(", %s p5 %.2f p50 %.2f", scale, s.P5, s.P50)
}

func timesText(t load.Times) string {
	return fmt.Sprintf("p50 %.1f ms  p90 %.1f ms  p99 %.1f ms  most %.1f ms", t.P50, t.P90, t.P99, t.Max)
}

// responderCommand is `ringback load responder`.
func responderCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "responder", Usage: "answer whoever calls: the far end of a load test without a PBX",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "listen", Usage: "`HOST:PORT` to listen on by UDP and TCP, or tls:HOST:PORT, ws:HOST:PORT, wss:HOST:PORT; may be repeated, each has a core of its own", Value: cli.NewStringSlice("127.0.0.1:5060")},
			&cli.DurationFlag{Name: "ring", Usage: "how long it rings, a `DURATION`"},
			&cli.StringFlag{Name: "busy", Usage: "the `SHARE` of calls that are busy, as 5%", Value: "0%"},
			&cli.StringFlag{Name: "refuse", Usage: "the `SHARE` that is refused with 503", Value: "0%"},
			&cli.StringFlag{Name: "mute", Usage: "the `SHARE` that rings for ever", Value: "0%"},
			&cli.StringFlag{Name: "late", Usage: "the `SHARE` that is answered only after --late-by", Value: "0%"},
			&cli.DurationFlag{Name: "late-by", Usage: "a `DURATION`", Value: 20 * time.Second},
			&cli.Float64Flag{Name: "offers", Usage: "callbacks a second, a `RATE`, that are put to the agents who have registered here, in turn"},
			&cli.StringFlag{Name: "data", Usage: "with --offers, a CSV `FILE` whose first line names its columns: a row for each callback, in turn; number, name, type, reason and the like are the callback's, others its case data"},
			&cli.StringFlag{Name: "media", Usage: "what the caller hears, `KIND`: echo, tone, silence, file, or none for signalling only; or shares of them, as \"echo 50%, tone 50%\"", Value: load.MediaEcho},
			&cli.StringFlag{Name: "file", Usage: "a WAV `FILE` for --media file"},
			&cli.StringFlag{Name: "encryption", Usage: "of media, `KIND`: off, sdes (keys in SDP, by any transport) or dtls", Value: "off"},
			&cli.StringFlag{Name: "cert", Usage: "PEM `FILE` with the certificate for tls: and wss:"},
			&cli.StringFlag{Name: "key", Usage: "PEM `FILE` with its key"},
			&cli.StringSliceFlag{Name: "codecs", Usage: "`CODECS` by preference", Value: cli.NewStringSlice("pcmu", "pcma")},
			&cli.DurationFlag{Name: "for", Usage: "end after this `DURATION`; 0 is for ever"},
		},
		Description: `$ ringback load responder --listen 127.0.0.1:5070 --busy 5%
answering on 127.0.0.1:5070
600 calls came, 570 answered, 30 refused, 0 up now, 0 messages sent again

It takes registrations, so that agents can be measured without a PBX (testdata/load/agents.yaml):
$ ringback load responder --listen 127.0.0.1:5070 --offers 4
answering on 127.0.0.1:5070
2 calls came, 2 answered, 0 refused, 0 up now, 0 messages sent again
36 callbacks were offered, 35 taken, 3 calls transferred, 0 agents registered now
    1 × 480 Temporarily Unavailable`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback load responder --listen HOST:PORT")
			}
			return sh.respond(c)
		},
	}
}

func (sh *shell) respond(c *cli.Context) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	p := load.ResponderPlan{Listen: c.StringSlice("listen"), Ring: c.Duration("ring"), Media: c.String("media"), Offers: c.Float64("offers"), Data: c.String("data"), LateBy: c.Duration("late-by"),
		File: c.String("file"), Encryption: c.String("encryption"), TLS: sip.TLSConfig{CertFile: c.String("cert"), KeyFile: c.String("key")}}
	for _, at := range p.Listen {
		if _, _, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(at, "tls:"), "ws:"), "wss:")); err != nil {
			return usageError("flag --listen %q: it is HOST:PORT, as 127.0.0.1:5060, with tls:, ws: or wss: before it for these", at)
		}
	}
	for _, list := range c.StringSlice("codecs") {
		p.Codecs = append(p.Codecs, strings.Split(list, ",")...)
	}
	for _, share := range []struct {
		flag string
		to   *float64
	}{{"busy", &p.Busy}, {"refuse", &p.Refuse}, {"mute", &p.Mute}, {"late", &p.Late}} {
		text, percent := strings.CutSuffix(c.String(share.flag), "%")
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !percent {
			return usageError("flag --%s %q: it is a share, as 5%%", share.flag, c.String(share.flag))
		}
		*share.to = n / 100
	}
	if err := p.Check(); err != nil {
		return usageError("%v", err)
	}
	roomy(roomyPercent)
	if p.Media == load.MediaNone {
		fewProcessors(len(p.Listen))
	}
	far, err := load.StartResponder(p, load.Options{Log: log})
	if err != nil {
		return &failure{code: exitFailed, name: "failed", message: err.Error()}
	}
	sh.progress("answering on %s", strings.Join(far.Addresses(), " "))
	var over <-chan time.Time
	if d := c.Duration("for"); d > 0 {
		over = time.After(d)
	}
	select {
	case <-c.Context.Done():
	case <-over:
	}
	answers := far.Answers()
	far.Close()
	sh.result(c, responderResult{"ringback.load-responder/1", answers},
		fmt.Sprintf("%d calls came, %d answered%s, %d refused, %d up now, %d messages sent again", answers.Came, answers.Answered, lateText(answers.Late), answers.Refused, answers.Active, answers.Resent)+offersText(answers))
	return nil
}

func lateText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d of them late)", n)
}

// offersText is what became of the callbacks.
func offersText(a load.Answers) string {
	if a.Offered == 0 {
		return ""
	}
	text := fmt.Sprintf("\n%d callbacks were offered, %d taken, %d calls transferred, %d agents registered now", a.Offered, a.Taken, a.Moved, a.Registered)
	for _, cause := range slices.Sorted(maps.Keys(a.NotTaken)) {
		text += fmt.Sprintf("\n    %d × %s", a.NotTaken[cause], clean(cause))
	}
	return text
}

// responderResult is what load responder prints with --json.
type responderResult struct {
	Schema string `json:"schema"`
	load.Answers
}
