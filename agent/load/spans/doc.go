// Package spans tells the failed calls of a load test as OpenTelemetry traces.
//
// A trace is one call that failed or was dropped: a span from the moment at which the
// plan wanted it to its end, with one span in it for each SIP transaction of its
// ladder, from the request to the final answer, and an event for each message. Times
// are those of the messages on the wire. Calls that came up and ended in their time
// make no trace.
//
// What is exported, and where to, say the standard environment variables
// (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_EXPORTER,
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, …); without them nothing is. Message texts
// stay here: spans have the first lines, with control characters taken out.
//
// Goroutines: one, which makes spans and sends them, ended by Close. Add never blocks:
// what a collector is too slow for is counted as lost, and told.
//
// Outside: the OpenTelemetry SDK and its OTLP/HTTP exporter know the protocol, its
// variables, its retries and its limits.
package spans
