package dtmf

import (
	"fmt"
	"strings"
	"time"
)

// Digit is one key of the keypad as its ASCII character: 0-9, *, #, A-D. The
// zero value is no digit.
type Digit byte

// keypad holds the digits at the place of their RFC 4733 event code.
const keypad = "0123456789*#ABCD"

// Pauses that may stand between digits.
const (
	ShortPause = 500 * time.Millisecond // w
	LongPause  = time.Second            // W
	CommaPause = 2 * time.Second        // ,
)

// MaxSequence is how many digits and pauses ParseDigits takes.
const MaxSequence = 256

// DigitOf returns the digit of an RFC 4733 event code (section 3.2: 0-15).
func DigitOf(code uint8) (Digit, bool) {
	if int(code) >= len(keypad) {
		return 0, false
	}
	return Digit(keypad[code]), true
}

// Code is the digit's RFC 4733 event code, 0-15; 255 for what is no digit.
func (d Digit) Code() uint8 {
	if i := strings.IndexByte(keypad, byte(d)); i >= 0 {
		return uint8(i)
	}
	return 255
}

// Valid says whether d is a key of the keypad.
func (d Digit) Valid() bool { return d.Code() != 255 }

// String is the digit's character, empty for the zero value.
func (d Digit) String() string {
	if d == 0 {
		return ""
	}
	return string(rune(d))
}

// Step is one digit or one pause of a Sequence.
type Step struct {
	Digit Digit         // 0 for a pause
	For   time.Duration // of a pause: its length; of a digit: how long it is held, 0 for the sender's usual
}

// Sequence is what is to be sent, in order.
type Sequence []Step

// String writes a sequence as ParseDigits reads it; odd pauses and lengths are
// left out.
func (s Sequence) String() string {
	var b strings.Builder
	for _, step := range s {
		switch {
		case step.Digit != 0:
			b.WriteByte(byte(step.Digit))
		case step.For == ShortPause:
			b.WriteByte('w')
		case step.For == LongPause:
			b.WriteByte('W')
		case step.For == CommaPause:
			b.WriteByte(',')
		}
	}
	return b.String()
}

// Digits is the digits of the sequence without its pauses.
func (s Sequence) Digits() string {
	var b strings.Builder
	for _, step := range s {
		if step.Digit != 0 {
			b.WriteByte(byte(step.Digit))
		}
	}
	return b.String()
}

// ParseDigit reads one key; a-d are taken as A-D.
func ParseDigit(c rune) (Digit, bool) {
	if c >= 'a' && c <= 'd' {
		c -= 'a' - 'A'
	}
	if c <= 0 || c > 127 || !Digit(c).Valid() {
		return 0, false
	}
	return Digit(c), true
}

// SyntaxError says which character of a typed sequence is none.
type SyntaxError struct {
	Input string
	Char  rune
	At    int // counted in characters from 1
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("parse digits %q: character %d is %q: use 0-9 * # A-D, w (0.5 s), W (1 s) or , (2 s)", e.Input, e.At, e.Char)
}

// ParseDigits reads what a person typed: 0-9 * # A-D a-d and the pauses w, W
// and comma. It refuses an empty sequence, one of pauses alone and one longer
// than MaxSequence.
func ParseDigits(s string) (Sequence, error) {
	if len(s) > MaxSequence {
		return nil, fmt.Errorf("parse digits: %d characters: send at most %d at a time", len(s), MaxSequence)
	}
	seq, digits, at := make(Sequence, 0, len(s)), 0, 0
	for _, c := range s {
		at++
		d, ok := ParseDigit(c)
		switch {
		case ok:
			seq = append(seq, Step{Digit: d})
			digits++
		case c == 'w':
			seq = append(seq, Step{For: ShortPause})
		case c == 'W':
			seq = append(seq, Step{For: LongPause})
		case c == ',':
			seq = append(seq, Step{For: CommaPause})
		default:
			return nil, &SyntaxError{Input: s, Char: c, At: at}
		}
	}
	if digits == 0 {
		return nil, fmt.Errorf("parse digits %q: no digit in it: use 0-9 * # A-D", s)
	}
	return seq, nil
}
