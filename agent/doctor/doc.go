// Package doctor looks at everything that a phone needs, from its configuration to the
// sound of a call, and says what is wrong in the words of agent/verdict.
//
// Words: a Check is one line of the Report; its State is ok, warning, wrong or
// not-checked. A check that hangs on another one that is wrong is not made, and says
// so: one fault is told once.
//
// doctor.go runs the checks in the order in which one needs the other: setup.go
// (configuration), desk.go (control socket, running agent), names.go (DNS, RFC 3263),
// reach.go (transport, TLS), account.go (registration, NAT, clock), sound.go (RTP),
// headset.go (audio devices), keep.go (store, disk).
//
// It does no harm: a running agent keeps its registration, because the doctor asks the
// registrar with a REGISTER without a Contact (RFC 3261 10.2.3: it changes no
// binding); its store is only read; calls are made only where a target is given, from a
// phone of its own that does not register. What it cannot find out it says it did not
// check.
//
// Run uses one goroutine for the SIP loop while it asks, one for a device that may
// hang, and an agent of its own for an echo call; all have ended when it returns, but
// that of a device that hangs.
package doctor
