package main

import (
	"context"
	"fmt"
	"math"
	"time"

	tea "charm.land/bubbletea/v2"

	"ringback/agent/load"
)

// loadView is the live view of a load test. The program's loop of bubbletea owns its
// fields; what runs the test only puts snapshots and phases into news.
type loadView struct {
	name   string
	plan   *load.Plan
	steer  *load.Steer
	cancel context.CancelFunc // ends the test as an interrupt does
	ctx    context.Context
	news   chan viewNews
	series *load.Series
	words  *heldWriter

	now           *load.Standing // nil: nothing was heard yet
	samples       []load.Sample
	rate          float64 // times the plan's
	before        float64 // a pause; 0: there is none
	last          bool    // no call begins any more
	ending        bool
	said          string // about the last key
	width, height int
}

// viewNews is what is new about the test.
type viewNews struct {
	standing *load.Standing
	samples  []load.Sample
}

// What the loop is told beside keys.
type (
	viewEnds struct{} // the test has ended, or the view shall
	viewStop struct{} // the test was told to end
)

// How far a key turns the rate, in times the plan's.
const (
	smallTurn = 0.1
	largeTurn = 1
)

func newLoadView(ctx context.Context, cancel context.CancelFunc, name string, plan *load.Plan, steer *load.Steer, words *heldWriter) *loadView {
	return &loadView{name: name, plan: plan, steer: steer, ctx: ctx, cancel: cancel, words: words, news: make(chan viewNews, 1), series: &load.Series{}, rate: 1, width: 80, height: 24}
}

// progress hands over how the test stands. It never blocks: a terminal that does not
// take what is written must not hold up a generator. News that nobody has looked at
// are replaced. One goroutine.
func (v *loadView) progress(s *load.Snapshot) {
	now := s.Standing()
	if now.Begun && now.For > 0 {
		v.series.Take(s)
	}
	select {
	case <-v.news:
	default:
	}
	v.news <- viewNews{&now, v.series.Samples()}
}

// Init implements tea.Model.
func (v *loadView) Init() tea.Cmd { return tea.Batch(v.hears, v.hearsEnd) }

// hears waits for news.
func (v *loadView) hears() tea.Msg {
	select {
	case n := <-v.news:
		return n
	case <-v.words.changed:
		return viewNews{}
	}
}

func (v *loadView) hearsEnd() tea.Msg {
	<-v.ctx.Done()
	return viewStop{}
}

// Update implements tea.Model.
func (v *loadView) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		v.width, v.height = msg.Width, msg.Height
	case viewNews:
		if msg.standing != nil {
			v.now, v.samples = msg.standing, msg.samples
		}
		return v, v.hears
	case viewStop:
		v.ending = true
	case viewEnds:
		return v, tea.Quit
	case tea.KeyPressMsg:
		return v, v.key(msg.String())
	}
	return v, nil
}

// key does what a key stands for.
func (v *loadView) key(name string) tea.Cmd {
	switch name {
	case "+", "=", "up":
		v.turn(v.rate + smallTurn)
	case "-", "down":
		v.turn(v.rate - smallTurn)
	case "pgup":
		v.turn(v.rate + largeTurn)
	case "pgdown":
		v.turn(v.rate - largeTurn)
	case "1":
		v.turn(1)
	case "p", "space", " ":
		v.pause()
	case "s":
		v.stop()
	case "q", "ctrl+c":
		if v.ending {
			return tea.Quit
		}
		v.ending, v.said = true, "hanging up and unregistering: q again leaves this view, and the rest is told in lines"
		v.cancel()
	}
	return nil
}

// turns reports whether there is a rate to be turned, and says why not.
func (v *loadView) turns() bool {
	switch {
	case v.ending || v.last:
		v.said = "no call begins any more: there is no rate to change"
	case v.plan.Agents != nil:
		v.said = "agents take what the PBX offers: there is no rate to change"
	case v.plan.Calls.PeakRate() == 0 && v.plan.Calls.PeakConcurrency() == 0:
		v.said = "the plan has no calls: there is no rate to change"
	default:
		return true
	}
	return false
}

// turn changes the rate, within what a Steer takes.
func (v *loadView) turn(times float64) {
	if !v.turns() {
		return
	}
	times = math.Round(100*min(max(times, 0), load.MostRate)) / 100
	if err := v.steer.SetRate(times); err != nil {
		v.said = err.Error()
		return
	}
	v.rate, v.before = times, 0
	v.said = "from now on " + v.wanted()
}

func (v *loadView) pause() {
	if !v.turns() {
		return
	}
	if v.rate == 0 {
		v.turn(max(v.before, smallTurn))
		return
	}
	before := v.rate
	v.turn(0)
	v.before, v.said = before, "paused: no call begins, those that are up go on; p goes on"
}

func (v *loadView) stop() {
	if v.ending || v.last {
		return
	}
	v.last, v.said = true, "no call begins any more: the report comes when those that are up have ended; q hangs them up"
	v.steer.Finish()
}

// wanted is the rate that is wanted now, in words.
func (v *loadView) wanted() string {
	c := v.plan.Calls
	step, rate, places := v.level()
	switch {
	case v.last:
		return "no call wanted"
	case v.plan.Agents != nil:
		return "agents at work"
	case c.PeakRate() > 0:
		return fmt.Sprintf("%s%.1f/s wanted (×%.2f)", step, rate*v.rate, v.rate)
	case c.PeakConcurrency() > 0:
		return fmt.Sprintf("%s%.0f at a time wanted (×%.2f)", step, math.Round(float64(places)*v.rate), v.rate)
	}
	return "registrations only"
}

// level is what the plan wants now, and which of its steps that is; without steps it is
// what it wants after its ramp.
func (v *loadView) level() (step string, rate float64, places int) {
	c := v.plan.Calls
	if len(c.Steps) == 0 {
		return "", c.Rate, c.Concurrency
	}
	at := time.Duration(0)
	if v.now != nil && v.now.Begun {
		at = max(0, v.now.For)
	}
	n, rate, places := c.At(at)
	return fmt.Sprintf("step %d of %d: ", n+1, len(c.Steps)), rate, places
}

// phase is what the test does now, in words.
func (v *loadView) phase() string {
	switch {
	case v.ending:
		return "hanging up"
	case v.now == nil || !v.now.Begun:
		return "registering"
	case v.now.For < 0:
		return fmt.Sprintf("begins in %v", (-v.now.For).Round(time.Second))
	case v.last:
		return "the last calls"
	case v.rate == 0:
		return "paused"
	case v.now.For >= v.now.Of:
		return "the last calls"
	}
	return "running"
}

// View implements tea.Model.
func (v *loadView) View() tea.View {
	view := tea.NewView(v.screen())
	view.AltScreen = true
	view.WindowTitle = "ringback load " + clean(v.name)
	return view
}
