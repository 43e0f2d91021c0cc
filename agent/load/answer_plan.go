package load

import (
	"fmt"
	"slices"
	"time"

	"ringback/media"
)

// AnswerPlan lets the users who have registered answer the calls that come to them, as a
// responder answers. A share is of the calls that come.
type AnswerPlan struct {
	Ring       time.Duration `yaml:"ring"`       // until the answer
	Busy       Share         `yaml:"busy"`       // get 486
	Refuse     Share         `yaml:"refuse"`     // get 503
	Mute       Share         `yaml:"mute"`       // ring until the caller gives up
	Late       Share         `yaml:"late"`       // are answered only after LateBy
	LateBy     time.Duration `yaml:"late_by"`    //
	Talk       Spread        `yaml:"talk"`       // from the answer to our hanging up, unless the caller does before; a mean of 0s: never
	Media      string        `yaml:"media"`      // what the caller hears: none (signalling only), silence, tone, echo or file; or shares of them, as "echo 50%, tone 50%"
	File       string        `yaml:"file"`       // WAV of any rate
	Codecs     []string      `yaml:"codecs"`     // of opus, g722, pcmu, pcma, by preference
	Encryption string        `yaml:"encryption"` // of media: off, sdes (keys in SDP, by any transport) or dtls
}

func defaultAnswer() AnswerPlan {
	return AnswerPlan{LateBy: 20 * time.Second, Media: MediaNone, Codecs: []string{"pcmu", "pcma"}}
}

// UnmarshalYAML begins with the defaults.
func (a *AnswerPlan) UnmarshalYAML(read func(any) error) error {
	type plain AnswerPlan
	p := plain(defaultAnswer())
	if err := read(&p); err != nil {
		return err
	}
	*a = AnswerPlan(p)
	return nil
}

func (p *Plan) checkAnswer() error {
	a := p.Answer
	switch {
	case a == nil:
		return nil
	case p.Agents != nil:
		return wrong("answer", "beside agents", "write one of them: agents take the calls that come to them by themselves")
	case !p.Register:
		return wrong("answer", "without register", "write register: true: no call comes to users who are not registered")
	case a.Ring < 0 || a.Ring > time.Hour:
		return wrong("answer.ring", a.Ring, "write 0s to 1h")
	case a.Late > 0 && a.LateBy <= a.Ring, a.LateBy < 0, a.LateBy > time.Hour:
		return wrong("answer.late_by", a.LateBy, "write a time that is longer than ring, up to 1h")
	}
	if sum := a.Busy + a.Refuse + a.Mute + a.Late; sum > 1 {
		return wrong("answer", fmt.Sprintf("busy, refuse, mute and late are %.3g%%", 100*sum), "write shares of 100% in all at most")
	}
	says, err := parseSays("answer.media", a.Media)
	if err != nil {
		return err
	}
	if err := checkSound("answer.", a.Codecs, says.kinds(), a.File, a.Encryption); err != nil {
		return err
	}
	return checkSpreads([]spreadField{{"answer.talk", a.Talk}})
}

// takes is what becomes of calls that come.
func (a *AnswerPlan) takes() takes {
	return takes{ring: a.Ring, busy: float64(a.Busy), refuse: float64(a.Refuse), mute: float64(a.Mute), late: float64(a.Late), lateBy: a.LateBy}
}

// Sounds says that calls which come have media; nil has none.
func (a *AnswerPlan) Sounds() bool {
	if a == nil {
		return false
	}
	says, _ := parseSays("answer.media", a.Media) // was looked at
	return slices.ContainsFunc(says.kinds(), func(kind string) bool { return kind != MediaNone })
}

// speaker is what calls that come to users hear; nil where they answer none.
func (p *Plan) speaker(e *media.Engine) (*speaker, error) {
	a := p.Answer
	if a == nil {
		return nil, nil
	}
	says, _ := parseSays("answer.media", a.Media) // was looked at
	how, err := soundOf("answer.", a.Codecs, a.File, a.Encryption)
	return &speaker{engine: e, says: says, sound: how}, err
}

// takes is how an end that is called takes the calls that come: shares of 0 to 1, and times.
type takes struct {
	ring                     time.Duration // until it answers
	busy, refuse, mute, late float64
	lateBy                   time.Duration
}

// taking is what becomes of one call.
type taking struct {
	code  int           // by which it is refused; 0: it rings
	never bool          // it rings until the caller gives up
	late  bool          // it is answered later than the others
	after time.Duration // of ringing it is answered
}

// next is what becomes of the next call; x is drawn from 0 to 1.
func (t takes) next(x float64) taking {
	switch {
	case x < t.busy:
		return taking{code: 486}
	case x < t.busy+t.refuse:
		return taking{code: 503}
	case x < t.busy+t.refuse+t.mute:
		return taking{never: true}
	case x < t.busy+t.refuse+t.mute+t.late:
		return taking{late: true, after: t.lateBy}
	}
	return taking{after: t.ring}
}
