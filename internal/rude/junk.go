package rude

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Junk is the n-th junk datagram: bytes of chance, halves of messages, messages with
// one byte changed, strays of all kinds. The same n and request give the same.
func Junk(n uint64, sound Request) string {
	rng := rand.New(rand.NewPCG(n, 7))
	sound.CallID = fmt.Sprintf("junk%d", n)
	sound.Via = strings.Replace(sound.Via, "z9hG4bK", fmt.Sprintf("z9hG4bKjunk%d", n), 1)
	text := sound.String()
	switch rng.IntN(10) {
	case 0:
		return noise(rng, rng.IntN(1200))
	case 1:
		return text[:rng.IntN(len(text))]
	case 2:
		b := []byte(text)
		b[rng.IntN(len(b))] = byte(rng.Uint32())
		return string(b)
	case 3: // a response to nothing
		return strings.Replace(text, sound.Method+" "+sound.URI+" SIP/2.0", "SIP/2.0 200 OK", 1)
	case 4:
		return strings.ReplaceAll(text, sound.Method, "ACK")
	case 5:
		return strings.ReplaceAll(text, sound.Method, "CANCEL")
	case 6:
		return strings.Replace(text, "Max-Forwards", "X-"+noiseToken(rng, 20)+": "+noise(rng, 40)+"\r\nMax-Forwards", 1)
	case 7:
		return strings.Replace(text, sound.To, sound.To+";tag=stray", 1)
	case 8:
		return strings.ReplaceAll(text, sound.Method, noiseToken(rng, 8))
	}
	return text
}

func noise(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return string(b)
}

func noiseToken(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('A' + rng.IntN(26))
	}
	return string(b)
}

// Flood are large messages that are cheap to send and dear to read: each up to 64 kB.
func Flood(sound Request) map[string]string {
	many := func(n int, f func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	with := func(change func(r *Request)) string {
		r := sound
		r.Headers = append([]string(nil), sound.Headers...)
		change(&r)
		return r.String()
	}
	return map[string]string{
		"5,000 quoted Via parameters": with(func(r *Request) { r.Via += many(5000, func(int) string { return `;a="b"` }) }),
		"8,000 distinct parameters":   with(func(r *Request) { r.Via += many(8000, func(i int) string { return fmt.Sprint(";p", i) }) }),
		"8,000 parameters of From":    with(func(r *Request) { r.From += many(8000, func(i int) string { return fmt.Sprint(";p", i) }) }),
		"8,000 parameters of the URI": with(func(r *Request) { r.URI += many(8000, func(i int) string { return fmt.Sprint(";p", i) }) }),
		"1,000 Via": with(func(r *Request) {
			r.Via += many(1000, func(i int) string { return fmt.Sprintf("\r\nVia: SIP/2.0/UDP h%d", i) })
		}),
		"1,000 Via in one line": with(func(r *Request) {
			r.Via += many(1000, func(i int) string { return fmt.Sprintf(",SIP/2.0/UDP h%d", i) })
		}),
		"6,000 headers": with(func(r *Request) {
			r.Headers = append(r.Headers, many(6000, func(i int) string { return fmt.Sprintf("X%d: y\r\n", i) })+"X: y")
		}),
		"a header of 60 kB":    with(func(r *Request) { r.Headers = append(r.Headers, "X: "+strings.Repeat("y", 60000)) }),
		"20,000 folds":         with(func(r *Request) { r.Headers = append(r.Headers, "X: "+strings.Repeat("\r\n ", 20000)+"y") }),
		"64 kB of quotes":      with(func(r *Request) { r.Headers = append(r.Headers, "Route: "+strings.Repeat(`"`, 60000)) }),
		"64 kB of backslashes": with(func(r *Request) { r.Headers = append(r.Headers, `Route: "`+strings.Repeat(`\`, 60000)) }),
		"4,000 Routes": with(func(r *Request) {
			r.Headers = append(r.Headers, "Route: "+strings.Repeat("<sip:a@b;lr>,", 4000)+"<sip:c>")
		}),
		"a body of 60 kB": with(func(r *Request) { r.Type, r.Body = "application/sdp", "v=0\r\n"+strings.Repeat("a=x:y\r\n", 8500) }),
		"200 m= lines": with(func(r *Request) {
			r.Type, r.Body = "application/sdp", SDP("192.0.2.1", 4000)+strings.Repeat("m=audio 1 RTP/AVP 0\r\n", 200)
		}),
		"6,000 parts": with(func(r *Request) {
			r.Type, r.Body = "multipart/mixed;boundary=b", strings.Repeat("\r\n--b\r\n\r\n", 6000)
		}),
		"100 parts inside others": with(func(r *Request) {
			r.Type, r.Body = "multipart/mixed;boundary=b", strings.Repeat("--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n", 100)
		}),
		"a number of 30,000": with(func(r *Request) { r.CSeq = strings.Repeat("1", 30000) + " " + r.Method }),
		"escapes":            with(func(r *Request) { r.URI = "sip:" + strings.Repeat("%41", 10000) + "@h" }),
		"words of secrets": with(func(r *Request) {
			r.Type, r.Body = "text/plain", strings.Repeat("signal k= sip:a: @ -authenticate application/dtmf nonce= authorization\r\n", 800)
		}),
	}
}

// SDP is an offer of PCMU at an address.
func SDP(ip string, port int) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", ip, ip, port)
}

// Descriptions are bodies that call themselves session descriptions.
func Descriptions() map[string]string {
	good := SDP("10.0.0.1", 4000)
	return map[string]string{
		"noise": noise(rand.New(rand.NewPCG(3, 3)), 2000), "one byte": "v", "html": "<html>", "60 kB": good + strings.Repeat("a=x\r\n", 12000),
		"no c=": strings.Replace(good, "c=IN IP4 10.0.0.1\r\n", "", 1), "c= of another family": strings.Replace(good, "c=IN IP4", "c=IN IP6", 1),
		"port 70000": strings.Replace(good, "4000", "70000", 1), "port -1": strings.Replace(good, "4000", "-1", 1),
		"o= of words": strings.Replace(good, "1 1 IN", "one one IN", 1), "200 m= lines": good + strings.Repeat("m=audio 1 RTP/AVP 0\r\n", 200),
		"fmtp of 4 kB": good + "a=fmtp:101 " + strings.Repeat("x=1;", 1000) + "\r\n", "1,000 formats": strings.Replace(good, "0 101", strings.Repeat("0 ", 1000), 1),
		"ptime of 2^40": good + "a=ptime:1099511627776\r\n", "broadcast": strings.ReplaceAll(good, "10.0.0.1", "255.255.255.255"),
		"multicast": strings.ReplaceAll(good, "10.0.0.1", "224.0.0.1/127"), "a loopback address": strings.ReplaceAll(good, "10.0.0.1", "127.0.0.1"),
		"G.729 alone": strings.Replace(good, "RTP/AVP 0 101", "RTP/AVP 18", 1), "video alone": strings.Replace(good, "m=audio", "m=video", 1),
		"bare LF": strings.ReplaceAll(good, "\r\n", "\n"), "NUL": strings.Replace(good, "s=-", "s=\x00", 1),
	}
}
