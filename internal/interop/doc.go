// Package interop holds the tests that run the built binary, by its own command
// line, against a real Asterisk: the scripts in testdata/interop. What was heard
// is proved by tones and digits that the other side recorded. Exact and broken peers are SIPp (testdata/sipp), a scanner is
// sipvicious, and
// torture_test.go sends what no peer would, kill_test.go ends phones in every state. page_test.go opens a report in Chromium,
// browser_test.go has Chromium as a phone (testdata/browser).
//
// They are behind the build tag interop, because they need the root folder that
// testdata/asterisk/install makes; make test installs it and runs them:
//
//	RINGBACK=$PWD/bin/ringback go test -tags interop ./internal/interop
package interop
