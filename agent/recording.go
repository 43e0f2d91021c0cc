package agent

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"ringback/agent/store"
	"ringback/media"
	"ringback/media/audio"
	"ringback/media/mixer"
)

// Why a recording has ended.
const (
	recordingStopped     = "stopped"     // by the agent
	recordingCallEnded   = "call-ended"  // the contact's
	recordingDiskFailed  = "disk-failed" // it holds what was written before
	recordingInterrupted = "interrupted" // the phone ended while it was written
)

// Settings for the start of recordings.
const (
	recordNever     = "never"
	recordCallbacks = "callbacks"
	recordAlways    = "always"
)

// recording is the file that a call with the contact is written to: on the left all
// that the contact hears (the agent, what is played, parties of a conference), on
// the right the contact. What the two do not hear of each other (on hold, while the
// agent consults, muted) is silent in it. It is the loop's.
type recording struct {
	row         store.Recording
	in          *interaction
	leg         *leg
	state       recordingState
	take        *media.Recorder // nil before it is open
	left, right mixer.Slot
	beep        *media.Player // the consent tone; nil: there is none
	beepSlot    mixer.Slot
	pauses      []Span
	failed      *ActionError // why it could not begin
}

// Span is a part of a recording's file, from its beginning.
type Span struct {
	From  Length `json:"from"`
	Until Length `json:"until"` // 0: it goes on to the end
}

// Length is a time span that stands in JSON as a Go duration, to the millisecond.
type Length time.Duration

// MarshalText writes it like 1m2.34s.
func (l Length) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *Length) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*l = Length(d)
	return err
}

// String is the duration to the millisecond.
func (l Length) String() string { return time.Duration(l).Round(time.Millisecond).String() }

// RecordingState is a recording that is being made.
type RecordingState struct {
	State   string    `json:"state"` // recording or paused
	File    string    `json:"file"`  // its whole path
	Call    CallID    `json:"call"`
	Started time.Time `json:"started"`
}

func (t *recording) view() *RecordingState {
	if !t.takes() {
		return nil
	}
	return &RecordingState{State: string(t.state), File: t.row.File, Call: t.leg.id, Started: t.row.Started}
}

// event is an event about this recording.
func (t *recording) event(e EventType) Event {
	out := t.leg.event(e)
	out.File = t.row.File
	return out
}

// actRecordStart begins a recording, or goes on with one that is paused.
func (a *Agent) actRecordStart(r *request) {
	in := r.in
	if t := in.recording; t.takes() {
		if r.args.File != "" {
			r.fail(refuse(CodeNotAllowed, "record-start: the call is being recorded to %s, and paused", t.row.File).
				hint("leave the name out to go on, or record-stop first"))
			return
		}
		a.resumeRecording(t)
		r.ok(t.leg)
		return
	}
	name := recordingName(a.now(), in.id, in.main.id)
	if r.args.File != "" {
		var refused *ActionError
		if name, refused = checkRecordingName(r.args.File); refused != nil {
			r.fail(refused)
			return
		}
	}
	t := a.startRecording(in, name)
	a.await(func() bool {
		switch {
		case t.failed != nil:
			r.fail(t.failed)
		case t.state == recordingOpening:
			return false
		case t.takes():
			r.ok(t.leg)
		default:
			r.fail(refuse(CodeFailed, "record-start: the call has ended"))
		}
		return true
	})
}

func (a *Agent) actRecordPause(r *request) {
	t := r.in.recording
	t.move(askPause)
	r.in.pauses++
	t.pauses = append(t.pauses, Span{From: Length(t.take.Pause(true))})
	if t.beep != nil {
		t.beep.Stop()
	}
	a.keepPauses(t)
	e := t.event(RecordingPaused)
	e.Duration = t.pauses[len(t.pauses)-1].From
	a.emit(e)
	r.ok(t.leg)
}

func (a *Agent) resumeRecording(t *recording) {
	t.move(askResume)
	at := Length(t.take.Pause(false))
	t.pauses[len(t.pauses)-1].Until = at
	a.startBeep(t)
	a.keepPauses(t)
	e := t.event(RecordingResumed)
	e.Duration = at
	a.emit(e)
}

// keepPauses writes where a recording is paused: it is to be known after a crash.
func (a *Agent) keepPauses(t *recording) {
	t.row.Pauses = mustJSON(t.pauses)
	row := t.row
	if err := a.store.UpdateNamed("recording-paused", func(tx *store.Tx) error { return tx.PutRecording(row) }); err != nil {
		a.emit(Event{Type: ErrorHappened, Interaction: t.in.id, Text: a.storeFailed("keep the pause of "+row.File, err).Message})
	}
}

// actRecordStop answers when the file is whole.
func (a *Agent) actRecordStop(r *request) {
	t := r.in.recording
	a.stopRecording(t, recordingStopped)
	a.await(func() bool {
		if t.state != recordingOver {
			return false
		}
		r.ok(t.leg)
		return true
	})
}

// startRecording has a file made beside the loop; recordingOpened goes on.
func (a *Agent) startRecording(in *interaction, name string) *recording {
	t := &recording{in: in, leg: in.main, state: recordingOpening, left: mixer.None, right: mixer.None, beepSlot: mixer.None,
		row: store.Recording{ID: "r-" + rand.Text()[:20], Interaction: string(in.id), Call: string(in.main.id)}}
	in.recording, in.main.recorded = t, true
	folder, refused := a.recordingsFolder()
	if refused != nil {
		a.refuseRecording(t, refused)
		return t
	}
	config := media.RecorderConfig{Channels: 2, Rate: in.main.media.SoundRate(), Comment: recordingMark + t.row.ID,
		OnEvent: func(e media.Event) { a.loop.Post(a.input(func() { a.recordingBroken(t, e) })) }}
	a.lookups.Go(func() {
		f, err := createRecording(folder, name)
		var take *media.Recorder
		if err == nil {
			if take, err = a.engine.NewRecorder(f, config); err != nil {
				err = errors.Join(err, dropFile(f))
			}
		}
		if !a.loop.Post(a.input(func() { a.recordingOpened(t, f, take, err) })) && err == nil {
			_ = errors.Join(take.Close(), os.Remove(f.Name())) // it holds no sound; nobody is left to be told
		}
	})
	return t
}

// recordingOpened: the file is there and empty, or could not be made. Its row is
// written before it gets any sound.
func (a *Agent) recordingOpened(t *recording, f *os.File, take *media.Recorder, err error) {
	if err != nil {
		if t.state == recordingOpening {
			a.refuseRecording(t, recordingRefusal(err))
		} else {
			a.recordingGone(t)
		}
		return
	}
	t.take, t.row.File, t.row.Started = take, f.Name(), a.now()
	if t.state != recordingOpening || !t.leg.up() {
		t.move(askStop)
		a.dropRecording(t)
		a.recordingGone(t)
		return
	}
	row := t.row
	if err := a.store.UpdateNamed("recording", func(tx *store.Tx) error { return tx.PutRecording(row) }); err != nil {
		a.dropRecording(t)
		a.refuseRecording(t, a.storeFailed("record", err))
		return
	}
	if err := a.sound.seatRecording(a, t); err != nil {
		a.dropRecording(t)
		a.refuseRecording(t, refuse(CodeFailed, "record: %v", err))
		return
	}
	t.move(fileOpened)
	a.startBeep(t)
	a.emit(t.event(RecordingStarted))
}

// recordingRefusal says in words why a file could not be made.
func recordingRefusal(err error) *ActionError {
	e := refuse(CodeFailed, "record: %v", err)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return e.hint("make the folder writable, or name another in recording.folder; the call goes on")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return e.hint("make room on the disk; the call goes on")
	}
	return e.hint("see recording.folder; the call goes on")
}

// refuseRecording: it never began.
func (a *Agent) refuseRecording(t *recording, why *ActionError) {
	t.failed = why
	e := t.event(RecordingFailed)
	e.Text = why.Error()
	t.move(fileRefused)
	t.in.recording = nil
	a.emit(e)
}

// dropRecording removes a file that got no sound, beside the loop.
func (a *Agent) dropRecording(t *recording) {
	a.sound.unseatRecording(t)
	take, path := t.take, t.row.File
	a.lookups.Go(func() {
		if err := errors.Join(take.Close(), os.Remove(path)); err != nil {
			a.log.Warn("remove an empty recording", "file", path, "error", err)
		}
	})
}

// recordingGone: the call ended before its recording began.
func (a *Agent) recordingGone(t *recording) {
	t.move(fileClosed)
	t.in.recording = nil
}

// recordingBroken: the disk does not take it any more. What it has taken stays.
func (a *Agent) recordingBroken(t *recording, e media.Event) {
	failed, is := e.(media.Failed)
	if !is || !t.takes() {
		return
	}
	why := recordingRefusal(failed.Err)
	out := t.event(RecordingFailed)
	out.Text = why.Error()
	a.emit(out)
	a.stopRecording(t, recordingDiskFailed)
}

// stopRecording takes a recording out of the call and has its file closed beside the
// loop.
func (a *Agent) stopRecording(t *recording, reason string) {
	wrote := t.takes()
	if !t.move(askStop) || !wrote {
		return // recordingOpened sees to it
	}
	t.row.Reason = reason
	a.sound.unseatRecording(t)
	a.lookups.Go(func() {
		err := t.take.Close()
		a.loop.Post(a.input(func() { a.recordingClosed(t, err) }))
	})
}

// recordingClosed: the file is whole. A store that does not take it now learns of it
// from the file at the next start.
func (a *Agent) recordingClosed(t *recording, err error) {
	t.row.Ended, t.row.Duration = a.now(), t.take.Duration()
	if n := len(t.pauses); n > 0 && t.pauses[n-1].Until == 0 {
		t.pauses[n-1].Until = Length(t.row.Duration)
	}
	t.row.Pauses = mustJSON(t.pauses)
	row := t.row
	kept := a.store.UpdateNamed("recording-ended", func(tx *store.Tx) error { return tx.PutRecording(row) })
	e := t.event(RecordingStopped)
	e.Duration, e.Reason = Length(row.Duration), row.Reason
	if err != nil && row.Reason != recordingDiskFailed {
		e.Text = err.Error()
	}
	t.move(fileClosed)
	t.in.recording = nil
	a.emit(e)
	if kept != nil {
		a.emit(Event{Type: ErrorHappened, Interaction: t.in.id, Text: a.storeFailed("keep the recording "+row.File, kept).Message})
	}
}

// followRecordings begins and ends recordings with their calls. It runs after every
// input.
func (a *Agent) followRecordings() {
	for _, in := range a.interactions {
		if t := in.recording; t != nil && !t.leg.up() && t.state != recordingClosing {
			a.stopRecording(t, recordingCallEnded)
		}
		if a.recordsByItself(in) {
			a.startRecording(in, recordingName(a.now(), in.id, in.main.id))
		}
	}
}

// recordsByItself reports whether the configuration has a call recorded that was not
// begun to be recorded yet: what the agent stopped, or what failed, stays so.
func (a *Agent) recordsByItself(in *interaction) bool {
	if a.stopping || in.recording != nil || !in.main.up() || in.main.recorded {
		return false
	}
	switch a.cfg.Recording.Start {
	case recordAlways:
		return true
	case recordCallbacks:
		return in.kind != KindCall
	}
	return false
}

// recordingOpen reports whether a file is still to be closed.
func (a *Agent) recordingOpen() bool {
	for _, in := range a.interactions {
		if in.recording != nil {
			return true
		}
	}
	return false
}

// startBeep lets contact and agent hear that they are recorded.
func (a *Agent) startBeep(t *recording) {
	if t.beep != nil {
		t.beep.PlayTone(a.cfg.Recording.tone(), nil)
	}
}

// tone is the consent tone as a pattern.
func (c *RecordingConfig) tone() audio.Cadence {
	return audio.ConsentTone(float64(c.ToneHz), c.ToneLength, c.ToneEvery)
}
