package transport

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"ringback/sip/message"
)

// frames cuts a stream that comes in pieces that end at the given places.
func frames(stream []byte, cuts func(i int) bool) []string {
	var f framer
	var out []string
	start := 0
	for i := 1; i <= len(stream); i++ {
		if i < len(stream) && !cuts(i) {
			continue
		}
		f.push(stream[start:i])
		start = i
		for {
			fr := f.next()
			switch fr.kind {
			case frameNone:
			case frameCRLF:
				out = append(out, "crlf")
				continue
			case frameMessage:
				out = append(out, string(fr.data))
				continue
			case frameFault:
				return append(out, "fault")
			}
			break
		}
	}
	return out
}

func TestConformance_T31_Framing(t *testing.T) {
	one, two := options("1"), options("2", "Content-Type: text/plain", "l: 4")+"\r\n\r\n"
	folded := strings.Replace(options("3"), "Max-Forwards: 70", "Subject: a\r\n b\r\n\tc", 1)
	rows := []struct {
		name, stream string
		want         []string
	}{
		{"one", one, []string{one}},
		{"two in one segment, a body of line ends", two + one, []string{two, one}},
		{"line ends before and between", "\r\n\r\n" + one + "\r\n" + two, []string{"crlf", "crlf", one, "crlf", two}},
		{"a fold", folded + one, []string{folded, one}},
		{"half", one + two[:len(two)-1], []string{one}},
		{"no Content-Length", one + strings.Replace(one, "Content-Length: 0\r\n", "", 1) + one, []string{one, "fault"}},
		{"two Content-Length", strings.Replace(one, "Content-Length: 0", "l: 5\r\nl: 0", 1) + one, []string{"fault"}},
		{"negative", strings.Replace(one, "Length: 0", "Length: -1", 1), []string{"fault"}},
		{"2^32", strings.Replace(one, "Length: 0", "Length: 4294967296", 1), []string{"fault"}},
		{"2^64", strings.Replace(one, "Length: 0", "Length: 18446744073709551616", 1), []string{"fault"}},
		{"no number", strings.Replace(one, "Length: 0", "Length: none", 1), []string{"fault"}},
		{"no end of headers", strings.Repeat("X: y\r\n", 8000), []string{"fault"}},
	}
	for _, row := range rows {
		for name, cuts := range map[string]func(int) bool{
			"whole":              func(int) bool { return false },
			"one byte at a time": func(int) bool { return true },
			"in sevens":          func(i int) bool { return i%7 == 0 },
			"at each line end":   func(i int) bool { return row.stream[i-1] == '\n' },
			"inside line ends":   func(i int) bool { return row.stream[i-1] == '\r' },
		} {
			t.Run(row.name+"/"+name, func(t *testing.T) {
				got := frames([]byte(row.stream), cuts)
				if strings.Join(got, "|") != strings.Join(row.want, "|") {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// A framer holds no more than one message and what came behind it.
func TestFramerLetsGo(t *testing.T) {
	var f framer
	one := []byte(options("1"))
	for range 1000 {
		f.push(one)
		if f.next().kind != frameMessage {
			t.Fatal("no message")
		}
	}
	if f.partial() || cap(f.buf) > 4*len(one) {
		t.Fatalf("holds %d of %d bytes", len(f.buf), cap(f.buf))
	}
}

// However a stream is cut, the same frames come out, and they are the stream.
func FuzzFraming(f *testing.F) {
	one := options("1")
	for _, s := range []string{one, "\r\n\r\n" + one + one, one + "\r\n" + options("2", "l: 4") + "abcd", options("3", "l: -1"),
		strings.Replace(one, "\r\nCall-ID", "\r\n fold\r\nCall-ID", 1), "\r\r\n\n", "l:1\r\n\r\n", "x\r\n\r\n"} {
		f.Add([]byte(s), uint64(3), uint64(5))
	}
	f.Fuzz(func(t *testing.T, stream []byte, a, b uint64) {
		whole := frames(stream, func(int) bool { return false })
		cut := frames(stream, func(i int) bool { return uint64(i)%(a%97+1) == 0 || uint64(i)%(b%13+1) == 0 })
		bytewise := frames(stream, func(int) bool { return true })
		if strings.Join(whole, "|") != strings.Join(bytewise, "|") || strings.Join(cut, "|") != strings.Join(bytewise, "|") {
			// Headers beyond the limit are noticed at once or when the end comes.
			if len(stream) < message.MaxHeaderBytes {
				t.Fatalf("whole %q\ncut %q\nbytewise %q", whole, cut, bytewise)
			}
		}
		back := ""
		for _, fr := range whole {
			switch fr {
			case "crlf":
				back += "\r\n"
			case "fault":
				return
			default:
				back += fr
			}
		}
		if !bytes.HasPrefix(stream, []byte(back)) {
			t.Fatalf("frames %q are not the stream %q", whole, stream)
		}
	})
}

// Budget: 1 µs per message beyond parsing its headers, whatever the segments.
func BenchmarkFraming(b *testing.B) {
	stream := []byte(strings.Repeat(options("1", "l: 100")+strings.Repeat("x", 100), 100))
	for _, size := range []int{1, 100, 1460} {
		b.Run("segment="+strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				if n := len(frames(stream, func(i int) bool { return i%size == 0 })); n != 100 {
					b.Fatal(n)
				}
			}
		})
	}
}
