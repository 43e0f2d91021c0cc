package agent

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
	"ringback/media"
	"ringback/media/audio"
)

func TestStory_PlainCallIsAnOffer(t *testing.T) {
	story(t, nil, func(b *bed) {
		other := b.second(nil)
		b.do("dial", map[string]any{"target": "1002"})
		other.wait(OfferReceived)
		in := other.phase(PhaseOffered)
		if in.Kind != KindCall || in.Callback != nil || in.Contact.Number != "1001" {
			t.Errorf("%+v", in)
		}
		if got := other.alert(); got != "ring" {
			t.Errorf("alert %q", got)
		}
		other.do("accept", nil)
		b.wait(CallConnected)
		b.settle()
		if got := other.alert(); got != "" {
			t.Errorf("it rings on: %q", got)
		}
		b.agentHears("c1", micHz, true)
		other.agentHears("c1", micHz, true)
		b.do("hold", nil)
		other.agentHears("c1", lab.MusicHz, true)
		b.do("resume", nil)
		other.agentHears("c1", micHz, true)
		other.do("end", nil)
		b.wait(CallEnded)
		b.phase(PhaseReadyToCall)
		other.holds()
	})
}

func TestStory_CallWaiting(t *testing.T) {
	story(t, nil, func(b *bed) {
		other := b.second(nil)
		first, _ := b.talk()
		other.do("dial", map[string]any{"target": "1001"})
		b.wait(OfferReceived)
		if got := b.alert(); got != "call-waiting" {
			t.Errorf("alert %q", got)
		}
		b.farHears(contact, micHz, true)
		b.do("accept", nil)
		b.settle()
		b.farHears(contact, micHz, false)
		if in, _ := b.agent.State().Interaction(first); in.State != PhaseOnHold {
			t.Errorf("the first call is %s", in.State)
		}
		other.do("end", nil)
		b.wait(CallEnded)
		b.do("resume", map[string]any{"interaction": first})
		b.farHears(contact, micHz, true)
	})
}

// TestStory_RingsElsewhereWhileTalking: with ring_in_call an offer during a call rings on
// the ring device, and the talk in the headset goes on undisturbed.
func TestStory_RingsElsewhereWhileTalking(t *testing.T) {
	rang := filepath.Join(t.TempDir(), "rang.wav")
	story(t, func(c *Config, _ *lab.Config) {
		c.Audio.Ring, c.Audio.RingInCall = []string{"file:," + rang}, true
	}, func(b *bed) {
		other := b.second(nil)
		first, _ := b.talk()
		other.do("dial", map[string]any{"target": "1001"})
		b.wait(OfferReceived)
		if got := b.alert(); got != "ring" {
			t.Errorf("alert %q", got)
		}
		b.on(func(a *Agent) {
			for _, r := range a.sound.routes {
				if r.From == a.sound.alertSlot && r.To != a.sound.ringSlot {
					t.Errorf("it rings in slot %d, not on the ring device alone", r.To)
				}
			}
		})
		b.passes(5 * time.Second)
		b.farHears(contact, micHz, true)
		b.do("reject", nil)
		other.wait(CallEnded)
		b.farHears(contact, micHz, true)
		if in, _ := b.agent.State().Interaction(first); in.State != PhaseConnected {
			t.Errorf("the first call is %s", in.State)
		}
	})
	f, err := os.Open(rang)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if clip, err := audio.ReadWAV(f); err != nil || audio.LevelDBFS(clip.Samples) < -40 {
		t.Errorf("the ring device played %d samples at %.1f dBFS: %v", clip.Frames(), audio.LevelDBFS(clip.Samples), err)
	}
}

func TestStory_TheSecondAgentGetsWhatTheFirstRejects(t *testing.T) {
	story(t, nil, func(b *bed) {
		other := b.second(nil)
		b.offer(lab.Callback{ID: "cb-7", Name: "山田 太郎", Reason: "order 4711"})
		first, next := b, other
		select {
		case <-waitFor(b.agent, OfferReceived):
		case <-waitFor(other.agent, OfferReceived):
			first, next = other, b
		}
		first.wait(OfferReceived)
		first.do("reject", nil)
		next.wait(OfferReceived)
		if c := next.phase(PhaseOffered).Callback; c.ID != "cb-7" || c.Name != "山田 太郎" || c.Reason != "order 4711" {
			t.Errorf("%+v", c)
		}
		r := next.do("accept", nil)
		next.agentHears(r.Call, lab.ContactHz, true)
		first.phase(PhaseDone)
	})
}

// waitFor is closed when an event of that type has happened.
func waitFor(a *Agent, want EventType) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		c := a.Since(0)
		for {
			e, err := c.Next(noDeadline{})
			if err != nil {
				return
			}
			if e.Type == want {
				close(done)
				return
			}
		}
	}()
	return done
}

// noDeadline is a context that never ends; the cursor ends with the agent.
type noDeadline struct{}

func (noDeadline) Deadline() (time.Time, bool) { return time.Time{}, false }
func (noDeadline) Done() <-chan struct{}       { return nil }
func (noDeadline) Err() error                  { return nil }
func (noDeadline) Value(any) any               { return nil }

func TestStory_NotRegistered(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.lab.Stop(false)
		b.wait(RegistrationLost)
		b.settle()
		for !slices.Contains([]string{"registering", "failed"}, b.agent.State().Registration.State) {
			b.settle()
		}
		err := b.fails("dial", map[string]any{"target": "601"}, CodeNotRegistered)
		if !strings.Contains(err.Message, "1001") {
			t.Errorf("%v", err)
		}
		if slices.Contains(b.agent.State().Allowed, "dial") {
			t.Error("dial is published as allowed")
		}
		began := time.Now()
		if err := b.lab.Resume(b.t.Context()); err != nil {
			t.Fatal(err)
		}
		b.wait(RegistrationRegistered)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("registered again after %s", took)
		}
		b.do("dial", map[string]any{"target": "601"})
		b.wait(CallConnected)
	})
}

func TestStory_PBXRestartsUnderACall(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.lab.Stop(true)
		<-time.After(2 * time.Second)
		if err := b.lab.Resume(b.t.Context()); err != nil {
			t.Fatal(err)
		}
		b.wait(MediaSilent)
		_, err := b.try("hold", nil) // the PBX does not know the call any more: 481
		if err == nil {
			t.Error("a call that is not there was put on hold")
		}
		b.wait(CallEnded)
		b.phase(PhaseReadyToCall)
		b.do("call", nil)
		b.wait(CallConnected)
	})
}

func TestStory_SwitchedOffInACall(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.stops[0]()
		b.at(lab.CallEnded, "")
		b.at(lab.Unregistered, "1001")
		if _, err := b.try("dial", map[string]any{"target": "601"}); err == nil || err.Code != CodeFailed {
			t.Errorf("%+v", err)
		}
		if n := len(b.live()); n != 0 {
			t.Errorf("%d calls are up", n)
		}
		sameAsFolded(t, b.agent, eventsOf(t, b.agent))
	})
}

func TestStory_SwitchedOffWhileThePBXIsDead(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.net.Host(labIP).SetDown(true)
		began := time.Now()
		b.stops[0]()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %s to end", took)
		}
		b.net.Host(labIP).SetDown(false)
	})
}

func TestStory_QualityIsTold(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		b.wait(MediaQuality)
		b.wait(MediaQuality)
		q := b.call(call).Quality
		if q.RXPackets < 200 || q.TXPackets < 200 || q.MOS < 3.5 || q.Lost != 0 {
			t.Errorf("%+v", q)
		}
	})
}

func TestStory_TheTraceIsOfTheInteraction(t *testing.T) {
	story(t, nil, func(b *bed) {
		first, _ := b.talk()
		b.do("dtmf", map[string]any{"digits": "5", "method": "info"})
		b.do("end", nil)
		b.do("done", nil)
		b.do("dial", map[string]any{"target": "601"})
		b.wait(CallConnected)
		for _, r := range b.agent.Trace(first) {
			if strings.Contains(r.Message, "sip:601@") || strings.Contains(r.Message, "lab-1001") || strings.Contains(r.Message, "Signal=5") {
				t.Errorf("%s", r.Message)
			}
		}
		if n := len(b.agent.Trace(first)); n < 8 {
			t.Errorf("%d messages", n)
		}
		if len(b.agent.Trace("")) <= len(b.agent.Trace(first)) {
			t.Error("the whole trace has no more")
		}
	})
}

func TestStory_AHeadsetThatFailsIsToldAndTheCallGoesOn(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.on(func(a *Agent) {
			a.input(func() {
				a.deviceEvent("headset", media.DeviceLost{Name: "portaudio:USB", Err: errors.New("unplugged")})
				a.deviceEvent("headset", media.DeviceChanged{Name: "null"})
			})()
		})
		if e := b.wait(MediaDeviceLost); e.Device != "portaudio:USB" || e.Text != "headset: unplugged" {
			t.Errorf("%+v", e)
		}
		if e := b.wait(MediaDeviceChanged); e.Device != "null" || b.agent.State().Audio.Headset != "null" {
			t.Errorf("%+v", e)
		}
		b.farHears(contact, micHz, true)
		b.phase(PhaseConnected)
	})
}
