package media

import (
	"errors"
	"testing"

	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/jitter"
)

type deaf struct{}

func (deaf) Decode(dst audio.Frame, _ []byte) (audio.Frame, error) { return dst, errors.New("no") }

// What cannot be decoded counts in the session and in the engine, which remembers it
// when the session is gone.
func TestDropsAreCountedForTheEngineToo(t *testing.T) {
	e := NewEngine(EngineConfig{})
	defer e.Close()
	r := receiver{drops: drops{all: &e.dropped}}
	r.init(8000)
	c, _ := codec.Find("PCMU", 8000)
	r.inbound, r.formats[0] = []inbound{{codec: c, decoder: deaf{}}}, 0
	if r.decode(jitter.Item{PayloadType: 0, Payload: []byte{1}}) {
		t.Error("decoded")
	}
	if r.drops.n[dropUndecodable] != 1 || e.Dropped()["undecodable"] != 1 || e.Dropped()["stranger"] != 0 {
		t.Errorf("the session has %v, the engine %v", r.drops.n, e.Dropped())
	}
	if n := testing.AllocsPerRun(10, func() { r.drops.count(dropStranger) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
