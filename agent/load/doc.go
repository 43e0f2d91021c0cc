// Package load puts a PBX under the load of many simulated phones and says what it
// bore: how many calls, how fast, how well heard, and why others failed.
//
// Words: a Plan is what is to be done; an arrival is the moment at which the plan
// wants a call, whether the generator is ready or not; lateness is by how much the
// generator itself missed it; a shard is one loop with its part of the users, and a user
// agent for each source that they call from; a Report is what came of it; a Threshold is a line that decides the
// exit code. A Part is the share of one of several generators under one test; a Result
// is all that was counted, in buckets and counters, which merge exactly; a Report is
// made of a Result and of nothing else. The Responder is the far end, where there is no PBX.
//
// A plan's users are callers, or agents: then each is a whole phone of package agent
// with a Desk that works at it as a person does, and the PBX has to offer callbacks.
// Their times are of verbs, from the command to its outcome.
//
// There is no second SIP stack and no second sender of RTP here: calls are
// sip.Sessions, sound is media.Sessions, the same that an agent's phone has.
//
// Setup and answer times count from the arrival and not from the sending: so a
// generator or a PBX that stalls is charged with all the calls that should have
// begun meanwhile (the correction of coordinated omission).
//
// A run is not valid when the generator was late itself (p99 of the lateness above
// the plan's limit, 5 ms) or its own sockets dropped datagrams: then a slow generator would be taken
// for a slow PBX. The report says so and the run fails.
//
// Goroutines: one per shard (its loop), those of one media engine, and the caller of
// Run, which paces; with agents one per desk beside those of its phone. All have ended when Run returns. Calls are hung up and
// registrations taken back before, also when the context ends.
//
// Where things are: plan.go and plan_check.go what a file may say, plan_place.go where it
// says it, plan.schema.json the same for editors (schema_test.go makes it), sources.go where it calls from, threshold.go the
// lines, answer_plan.go and inbound.go the calls that come to users,
// speaker.go what those and a responder's hear, agents_plan.go, desk.go and desk_work.go the agents, desk_calls.go what is told of their calls, generator.go a run, prepare.go its shards and media, pace.go its arrivals, shard.go and call.go the phones,
// sound.go what calls say and how they encrypt (a call that says a tone, a file or silence is heard
// by nobody here, so that what comes is counted, measured and judged, and not decoded where its
// level can be told without that), table.go CSV data, churn.go users that go and come back, says.go
// the shares of what a far end says, tally.go what is counted, result.go and tally_raw.go how it is kept and merged,
// steps.go the levels of a plan and when its calls are due, report_steps.go what came of each,
// part.go the share of one of several generators, steer.go what changes a run while
// it lasts, report.go the outcome, self.go the generator's own cost,
// responder.go the far end, with offers.go, what it calls itself, and bindings.go, who has
// registered with it (RFC 3261 10.3, RFC 3515).
//
// callresult.go is one call as it came out, with its messages where a page asks for
// them (which costs copying and redacting each); series.go how a run went over time,
// worst.go the worst calls, which merge as well; page.go makes the page and JUnit of it all, with agent/report.
//
// Outside: HdrHistogram counts times (a percentile of a million calls in a few
// kilobytes, and it merges exactly); goccy/go-yaml reads plans.
package load
