// Package interop holds the tests that run the built binary, by its own command
// line, against a real Asterisk: the scripts in testdata/interop. What was heard
// is proved by tones and digits that the other side recorded. Exact and broken peers are SIPp (testdata/sipp), and
// torture_test.go sends what no peer would.
//
// They are behind the build tag interop, because they need the root folder that
// testdata/asterisk/install makes; make test installs it and runs them:
//
//	RINGBACK=$PWD/bin/ringback go test -tags interop ./internal/interop
package interop
