package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ringback/media"
	"ringback/media/audio"
	"ringback/media/mixer"
)

// Why a file is not played any more.
const (
	playCompleted = "completed"
	playStopped   = "stopped"    // by the agent
	playReplaced  = "replaced"   // by another file
	playHeld      = "held"       // the call was put on hold, or the agent left the conference
	playCallEnded = "call-ended" // or the consultation
	playBroken    = "unreadable" // from there on
)

// playing is a file that is played into a call: all who hear the agent hear it,
// also while he is muted, and he does. It is the loop's.
type playing struct {
	in      *interaction
	leg     *leg // the agent talked on it when it began; in a conference all hear it
	file    string
	length  time.Duration
	started time.Time
	player  *media.Player // nil: it is being opened
	slot    mixer.Slot
	failed  *ActionError
	over    bool
}

// PlayingState is a file that is being played.
type PlayingState struct {
	File     string    `json:"file"`
	Duration Length    `json:"duration"`
	Started  time.Time `json:"started"`
}

func (p *playing) view() *PlayingState {
	if p == nil || p.player == nil {
		return nil
	}
	return &PlayingState{File: p.file, Duration: Length(p.length), Started: p.started}
}

func (p *playing) event(t EventType) Event {
	e := p.leg.event(t)
	e.File, e.Duration = p.file, Length(p.length)
	return e
}

// actPlay answers when the file is heard.
func (a *Agent) actPlay(r *request) {
	in := r.in
	if !filepath.IsAbs(r.args.File) {
		r.fail(refuse(CodeInvalid, "play: file %q is no whole path", r.args.File).hint("the phone may work in another folder than you"))
		return
	}
	l := in.talking()
	if joined := in.joined(); in.phase() == PhaseConference && len(joined) > 0 {
		l = joined[0]
	}
	p := &playing{in: in, leg: l, file: r.args.File, slot: mixer.None}
	if p.interrupted() != "" {
		r.fail(refuse(CodeNotAllowed, "play is not allowed: the call is not connected, or on hold"))
		return
	}
	a.stopPlaying(in, playReplaced)
	in.playing = p
	a.lookups.Go(func() {
		source, err := openWAV(p.file)
		if !a.loop.Post(a.input(func() { a.playOpened(p, source, err) })) && err == nil {
			_ = source.File.Close()
		}
	})
	a.await(func() bool {
		switch {
		case p.failed != nil:
			r.fail(p.failed)
		case p.player == nil && !p.over:
			return false
		case p.player == nil:
			r.fail(refuse(CodeFailed, "play: the call was held or has ended, or another file was asked for"))
		default:
			r.ok(p.leg)
		}
		return true
	})
}

// openWAV opens a WAV file of any rate and length, to be read as it is played. It waits
// for the disk: not on the loop.
func openWAV(path string) (media.WAVSource, error) {
	at, err := os.Stat(path)
	if err != nil {
		return media.WAVSource{}, err
	}
	if !at.Mode().IsRegular() {
		return media.WAVSource{}, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return media.WAVSource{}, err
	}
	wav, err := audio.NewWAVReader(f)
	if err == nil && wav.Info().Frames == 0 {
		err = errors.New("it holds no sound")
	}
	if err != nil {
		return media.WAVSource{}, errors.Join(err, f.Close())
	}
	return media.WAVSource{WAVReader: wav, File: f}, nil
}

// playOpened: the file is there, or cannot be played.
func (a *Agent) playOpened(p *playing, source media.WAVSource, err error) {
	if p.over {
		if err == nil {
			_ = source.File.Close()
		}
		return
	}
	if err == nil {
		if err = a.sound.seatPlayer(a, p); err != nil {
			_ = source.File.Close()
		}
	}
	if err == nil {
		err = p.player.PlayWAV(source, func(err error) { a.loop.Post(a.input(func() { a.playEnded(p, err) })) })
	}
	if err != nil {
		a.sound.unseatPlayer(p)
		p.over, p.in.playing, p.failed = true, nil, refuse(CodeInvalid, "play %s: %v", p.file, err)
		if errors.Is(err, fs.ErrNotExist) {
			p.failed = refuse(CodeInvalid, "play: there is no file %s", p.file)
		}
		return
	}
	info := source.Info()
	p.length = time.Duration(info.Frames) * time.Second / time.Duration(info.Rate)
	p.started = a.now()
	a.emit(p.event(PlayStarted))
}

// playEnded: the file was heard to its end, or as far as it could be read.
func (a *Agent) playEnded(p *playing, err error) {
	if err == nil || p.over {
		a.playOver(p, playCompleted)
		return
	}
	a.emit(Event{Type: ErrorHappened, Interaction: p.in.id, Text: fmt.Sprintf("play %s: %v", p.file, err)})
	a.playOver(p, playBroken)
}

func (a *Agent) actPlayStop(r *request) {
	l := r.in.playing.leg
	a.stopPlaying(r.in, playStopped)
	r.ok(l)
}

func (a *Agent) stopPlaying(in *interaction, reason string) {
	if in.playing != nil {
		a.playOver(in.playing, reason)
	}
}

// playOver ends what is played, and tells it when it was heard.
func (a *Agent) playOver(p *playing, reason string) {
	if p.over {
		return
	}
	p.over, p.in.playing = true, nil
	if p.player == nil {
		return // still being opened
	}
	a.sound.unseatPlayer(p)
	e := p.event(PlayEnded)
	e.Duration = Length(min(a.now().Sub(p.started), p.length))
	if reason == playCompleted {
		e.Duration = Length(p.length)
	}
	e.Reason = reason
	a.emit(e)
}

// interrupted is why a file cannot go on to be played; empty when it can.
func (p *playing) interrupted() string {
	switch conference := p.in.phase() == PhaseConference; {
	case conference && p.in.away:
		return playHeld
	case conference:
		return ""
	case !p.leg.up():
		return playCallEnded
	case p.leg.onHold():
		return playHeld
	}
	return ""
}

// followPlaying ends what is played with its call. It runs after every input.
func (a *Agent) followPlaying() {
	for _, in := range a.interactions {
		if p := in.playing; p != nil {
			if why := p.interrupted(); why != "" {
				a.playOver(p, why)
			}
		}
	}
}
