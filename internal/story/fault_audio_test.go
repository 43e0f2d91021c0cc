package story

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/verdict"
	"ringback/media/device"
)

// frozen is a headset that can be made to hang: no sample moves any more, and no call
// into it comes back until it is let go.
type frozen struct {
	device.Device
	hangs atomic.Bool
	free  chan struct{}
}

func (f *frozen) wait() {
	if f.hangs.Load() {
		<-f.free
	}
}

func (f *frozen) Name() string { return "USB Headset" }

func (f *frozen) Start(io device.IO) (device.Stream, error) {
	f.wait()
	s, err := f.Device.Start(device.IO{Rate: io.Rate, Ceiling: io.Ceiling, Capture: frozenMic{io.Capture, f}, Playback: frozenEar{io.Playback, f}})
	return frozenStream{s, f}, err
}

type frozenMic struct {
	device.Writer
	f *frozen
}

func (m frozenMic) Write(p []int16) int {
	m.f.wait()
	return m.Writer.Write(p)
}

type frozenEar struct {
	device.Reader
	f *frozen
}

func (e frozenEar) Read(p []int16) int {
	e.f.wait()
	return e.Reader.Read(p)
}

type frozenStream struct {
	device.Stream
	f *frozen
}

func (s frozenStream) Stop() error {
	s.f.wait()
	return s.Stream.Stop()
}

// TestFault_TheHeadsetHangs: a headset whose reads, writes and Stop never come back in
// a call costs the agent seconds, and the contact nothing: the next device of the list
// takes its place, he is told in words, the call is held, resumed and ended, the next is
// taken, and the phone ends within its time though the headset still hangs.
func TestFault_TheHeadsetHangs(t *testing.T) {
	for _, spare := range []string{"tone:880", "null"} {
		t.Run(spare, func(t *testing.T) {
			bad := &frozen{}
			p := plan{agent: func(c *agent.Config) { c.Audio.Headset = []string{"tone:440", spare} }}
			p.deps = func(deps *agent.Deps) {
				bad.free = make(chan struct{})
				deps.Devices = func(names []string) ([]device.Device, error) {
					list, err := device.ParsePreference(names)
					if err == nil && len(list) == 2 {
						bad.Device, list[0] = list[0], bad
					}
					return list, err
				}
			}
			atLab(t, "", p, func(d *desk) {
				d.inCall()
				bad.hangs.Store(true)
				d.waitFor("the other device", func(s agent.State) bool { return s.Audio.Headset == spare })
				if took := time.Since(d.start); took > 8*time.Second {
					t.Errorf("the other device took its place after %v", took)
				}
				d.says(strings.Join(d.words(), "\n"), verdict.AudioHangs)
				if spare != "null" {
					d.heardBy(contact, 880)
				}
				d.hears(agent.RoleMain, contactHz)
				d.pass(time.Minute)
				d.do("hold", nil)
				d.contactHeld()
				d.do("resume", nil)
				d.hears(agent.RoleMain, contactHz)
				d.do("end", nil)
				d.do("done", nil)
				d.do("dial", args{"target": colleague})
				d.hears(agent.RoleMain, colleagueHz)
				began := time.Now()
				d.switchOff()
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("the phone ended after %v", took)
				}
				close(bad.free)
			})
		})
	}
}
