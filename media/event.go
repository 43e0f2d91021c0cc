package media

import (
	"time"

	"ringback/dtmf"
	"ringback/media/device"
)

// Event is what a Session or a port tells. It is called on a goroutine of the
// engine, which must not wait: post it to where it is worked on.
type Event interface{ mediaEvent() }

// The events.
type (
	// MediaStarted: the first packet of the peer came, or the first again after
	// MediaSilent.
	MediaStarted struct{}
	// MediaSilent: no packet came for For, though the peer may send and is not on
	// hold. A warning, told once at 5 s.
	MediaSilent struct{ For time.Duration }
	// RTPTimeout: still no packet after For (30 s): end the call if policy says so.
	RTPTimeout struct{ For time.Duration }
	// SourceLocked: from now on only packets from Address are the peer's. Learned
	// says that it is not the address in its SDP.
	SourceLocked struct {
		Address string
		Learned bool
	}
	// SourceChanged: the peer's SSRC changed and the new stream is being played.
	SourceChanged struct{ SSRC uint32 }
	// EncryptionChanged: both directions are encrypted with Suite from now on; an
	// empty one: they are not any more.
	EncryptionChanged struct{ Suite string }
	// EncryptionFailed: there are no keys, so that nothing is sent or heard.
	EncryptionFailed struct{ Err error }
	// PathFailed: ICE finds no way to the peer. Lost: there was one, and the peer's consent
	// to it ran out (RFC 7675), so that nothing is sent until another one is found:
	// RestartPath.
	PathFailed struct {
		Err  error
		Lost bool
	}
	// PathFound: there is a way again after one was lost.
	PathFound struct{}
	// PathGathered: all addresses that ICE offers are there; Err is why servers gave none.
	PathGathered struct{ Err error }
	// DigitStarted: the peer pressed a key.
	DigitStarted struct{ Digit dtmf.Digit }
	// DigitReceived: the peer's key came up; once for each DigitStarted.
	DigitReceived struct {
		Digit    dtmf.Digit
		Duration time.Duration
	}
	// DigitSent: the last packet of a digit of ours went out.
	DigitSent struct{ Digit dtmf.Digit }
	// PeerLeft: the peer's RTCP said BYE.
	PeerLeft struct{ Reason string }
	// Failed: working on this session or port panicked; it is stopped.
	Failed struct{ Err error }
	// DeviceChanged: another device of the list is in use; Name is empty when none
	// works.
	DeviceChanged struct{ Name string }
	// DeviceLost: a device failed or vanished.
	DeviceLost struct {
		Name string
		Err  error
	}
	// DeviceFlows: the microphone has ceased to deliver, or the ear to take, for more than
	// half a second, or goes on; a device at rest, and a direction that is not wanted, flow.
	DeviceFlows device.Flow
	// ToneHeard: a frequency of a Meter came (after 200 ms) or went.
	ToneHeard struct {
		Hz float64
		On bool
	}
	// AudioHeard: sound began or ended at a Meter.
	AudioHeard struct{ On bool }
)

func (MediaStarted) mediaEvent()      {}
func (MediaSilent) mediaEvent()       {}
func (RTPTimeout) mediaEvent()        {}
func (SourceLocked) mediaEvent()      {}
func (SourceChanged) mediaEvent()     {}
func (EncryptionChanged) mediaEvent() {}
func (EncryptionFailed) mediaEvent()  {}
func (PathFailed) mediaEvent()        {}
func (PathFound) mediaEvent()         {}
func (PathGathered) mediaEvent()      {}
func (DigitStarted) mediaEvent()      {}
func (DigitReceived) mediaEvent()     {}
func (DigitSent) mediaEvent()         {}
func (PeerLeft) mediaEvent()          {}
func (Failed) mediaEvent()            {}
func (DeviceChanged) mediaEvent()     {}
func (DeviceLost) mediaEvent()        {}
func (DeviceFlows) mediaEvent()       {}
func (ToneHeard) mediaEvent()         {}
func (AudioHeard) mediaEvent()        {}

// outbox holds what is to be told once the locks are released.
type outbox struct {
	tell  func(Event)
	queue []Event
	calls []func()
}

func (o *outbox) add(e Event) {
	if o.tell != nil {
		o.queue = append(o.queue, e)
	}
}

// take empties the outbox into the calls that are to be made. It returns nil,
// and allocates nothing, when there is nothing to tell.
func (o *outbox) take() func() {
	if len(o.queue) == 0 && len(o.calls) == 0 {
		return nil
	}
	events, calls, tell := o.queue, o.calls, o.tell
	o.queue, o.calls = nil, nil
	return func() {
		for _, e := range events {
			tell(e)
		}
		for _, call := range calls {
			call()
		}
	}
}
