// Package fleet lets several load generators work under one test: one instant at
// which their calls begin, one rate that can be changed, one end, one report.
//
// Words: the coordinator has the plan and makes the report, but no calls; a
// generator makes its part (load.Part) of the plan. The run's name keeps two tests
// on one server apart.
//
// They meet on a NATS server, and nothing of the phone does. The coordinator
// publishes the whole of what it wants (State) once a second and at each change; so
// nothing is lost with a message, and who joins late knows all. A generator asks to
// join, says when it is ready, and then publishes once a second its load.Result so
// far: buckets and counters, never percentiles, and each time all of them, so that
// the newest is enough and a repeated one counts once. Its last one it hands over
// until it is acknowledged; that one has its worst calls too, with as many of their
// messages as the server takes.
//
// The start is told as a time from now and not as a time of the day: clocks of
// several machines differ by more than a message takes.
//
// Whoever does not hear the other for a while takes it for dead. A generator without
// its coordinator hangs up, unregisters and ends. A coordinator without one of its
// generators ends the run: the others drain, the report names the one that is lost,
// and is not valid. A server that is gone for as long ends it on both sides, and both name it.
//
// abort_on and the thresholds are judged on what was merged.
//
// Goroutines: those of the NATS client call back into channels, which Coordinate and
// Generate read; both return when what they started has ended.
//
// Where things are: wire.go the messages, connect.go the way to a server, server.go
// one of our own, coordinate.go and roster.go the coordinator, generate.go a
// generator, processes.go generators as processes of this machine.
//
// Outside: NATS (nats.go, nats-server) is the messaging that the generators of a
// cluster have at hand, with its credentials and reconnecting, in place of a
// protocol of our own.
package fleet
