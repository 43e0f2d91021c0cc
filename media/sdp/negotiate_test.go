package sdp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConformance_O03_DirectionsAreMirrored(t *testing.T) {
	for theirs, ours := range map[string]string{"sendonly": "recvonly", "inactive": "inactive", "recvonly": "sendonly", "sendrecv": "sendrecv", "": "sendrecv"} {
		attribute := "a=" + theirs
		for place, text := range map[string]string{
			"media":   sdp("m=audio 5000 RTP/AVP 0", attribute),
			"session": sdp(attribute, "m=audio 5000 RTP/AVP 0"),
			"both":    sdp("a=inactive", "m=audio 5000 RTP/AVP 0", attribute),
		} {
			if theirs == "" {
				text = sdp("m=audio 5000 RTP/AVP 0")
			}
			answer, n := negotiate(t, NewLocal(1), text, phone())
			has(t, answer, "a="+ours)
			if n.Direction.String() != ours || n.HeldByRemote() != (theirs == "sendonly" || theirs == "inactive") {
				t.Errorf("%s level %s: ours is %s, held %v", place, theirs, n.Direction, n.HeldByRemote())
			}
			if n.RemoteRTCP.Port() != 5001 {
				t.Errorf("%s level %s: RTCP goes to %s", place, theirs, n.RemoteRTCP)
			}
		}
	}
}

func TestConformance_O04_OldHold(t *testing.T) {
	l := NewLocal(1)
	zero := strings.ReplaceAll(sdp("m=audio 5000 RTP/AVP 0"), "c=IN IP4 192.0.2.20", "c=IN IP4 0.0.0.0")
	answer, n := negotiate(t, l, zero, phone())
	has(t, answer, "a=recvonly")
	if !n.HeldByAddress || !n.HeldByRemote() || n.Direction.Sends() || n.Remote.IsValid() || n.RemoteRTCP.IsValid() {
		t.Errorf("got %+v", n)
	}
	answer, n = negotiate(t, l, sdp("m=audio 5000 RTP/AVP 0"), phone())
	has(t, answer, "a=sendrecv")
	if n.HeldByAddress || n.Remote.String() != "192.0.2.20:5000" {
		t.Errorf("after the resume %+v", n)
	}
	v6 := strings.NewReplacer("IP4", "IP6", "192.0.2.20", "::").Replace(sdp("m=audio 5000 RTP/AVP 0"))
	can := phone()
	can.Address = netip.MustParseAddr("2001:db8::1")
	if _, n = negotiate(t, NewLocal(1), v6, can); !n.HeldByAddress || n.Remote.IsValid() {
		t.Errorf("c=IN IP6 :: gives %+v", n)
	}
}

func TestConformance_O05_BothSidesHold(t *testing.T) {
	a, b := NewLocal(1), NewLocal(2)
	want := phone()
	step := func(from, to *Local, fromWants, toWants Direction) Direction {
		t.Helper()
		want.Direction = fromWants
		o := offer(t, from, want)
		want.Direction = toWants
		text, _ := negotiate(t, to, string(o.Bytes()), want)
		return apply(t, from, o, text).Direction
	}
	got := []Direction{
		step(a, b, SendOnly, SendRecv).Reverse().Reverse(),
		step(b, a, SendOnly, SendOnly),
		step(a, b, SendRecv, SendOnly),
		step(b, a, SendRecv, SendRecv),
	}
	if want := []Direction{SendOnly, Inactive, RecvOnly, SendRecv}; !slices.Equal(got, want) {
		t.Errorf("directions %v, want %v", got, want)
	}
}

func TestConformance_O06_VersionRisesOnlyOnChange(t *testing.T) {
	l := NewLocal(9)
	text := sdp("m=audio 5000 RTP/AVP 0")
	first, n := negotiate(t, l, text, phone())
	has(t, first, "o=- 9 1 IN IP4 192.0.2.10")
	if n.Unchanged {
		t.Error("the first offer is taken for a repeat")
	}
	if again, n := negotiate(t, l, text, phone()); again != first || !n.Unchanged {
		t.Errorf("the same offer got\n%safter\n%s", again, first)
	}
	newVersion := strings.Replace(text, "o=peer 7 1", "o=peer 7 2", 1)
	if again, n := negotiate(t, l, newVersion, phone()); again != first || !n.Unchanged {
		t.Errorf("a new version of the same got\n%s", again)
	}
	sameVersion := strings.Replace(text, "5000", "5002", 1)
	if again, n := negotiate(t, l, sameVersion, phone()); again != first || n.Unchanged || n.Remote.Port() != 5002 {
		t.Errorf("a change without a new version got %+v\n%s", n, again)
	}
	hold := phone()
	hold.Direction = SendOnly
	has(t, string(offer(t, l, hold).Bytes()), "o=- 9 2 IN IP4 192.0.2.10", "a=sendonly")
	has(t, string(offer(t, l, hold).Bytes()), "o=- 9 2 IN IP4 192.0.2.10")
	moved := phone()
	moved.Address = netip.MustParseAddr("192.0.2.99")
	has(t, string(offer(t, l, moved).Bytes()), "o=- 9 3 IN IP4 192.0.2.10", "c=IN IP4 192.0.2.99")
}

func TestConformance_O07_LinesAreKept(t *testing.T) {
	l := NewLocal(1)
	full := sdp("m=video 6000 RTP/AVP 31 99", "a=rtpmap:99 H264/90000", "m=audio 5000 RTP/AVP 0",
		"m=application 7000 UDP/BFCP *", "m=image 8000 udptl t38", "b=X-odd:1:2", "c=IN IP4 192.0.2.9")
	answer, n := negotiate(t, l, full, phone())
	want := []string{"m=video 0 RTP/AVP 31 99", "m=audio 4000 RTP/AVP 0", "m=application 0 UDP/BFCP *", "m=image 0 udptl t38"}
	if got := mLines(answer); !slices.Equal(got, want) {
		t.Errorf("answered %q, want %q", got, want)
	}
	if n.Remote.String() != "192.0.2.20:5000" {
		t.Errorf("sends to %s", n.Remote)
	}
	// Our own offer keeps them too.
	want[1] = "m=audio 4000 RTP/AVP 0 8 101"
	if got := mLines(string(offer(t, l, phone()).Bytes())); !slices.Equal(got, want) {
		t.Errorf("offered %q, want %q", got, want)
	}
	if r := refuse(t, l, sdp("m=video 6000 RTP/AVP 31", "m=audio 5000 RTP/AVP 0"), phone()); r.Code != 488 {
		t.Errorf("fewer lines got %+v", r)
	}
	more := full + "m=text 9000 RTP/AVP 98\r\n"
	if answer, _ := negotiate(t, l, more, phone()); len(mLines(answer)) != 5 {
		t.Errorf("one line more got\n%s", answer)
	}
}

// TestRFC5888_6_EveryLineOfAGroupHasItsMid: those that are refused, too, in an answer and in
// our own offers; nothing could be bundled otherwise. What their formats mean is said again.
func TestRFC5888_6_EveryLineOfAGroupHasItsMid(t *testing.T) {
	l, can := NewLocal(1), phone()
	can.ICE = &ICE{Ufrag: "ours", Pwd: "0123456789012345678901", Candidates: []string{"1 1 udp 2130706431 192.0.2.10 4000 typ host"}}
	full := sdp("a=group:BUNDLE v s d", "m=video 6000 RTP/AVP 96 31", "a=mid:v", "a=rtpmap:96 VP8/90000", "a=fmtp:96 x=1", "m=audio 5000 RTP/AVP 0", "a=mid:s",
		"m=application 7000 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:d", "m=audio 5002 RTP/AVP 0 126", "a=rtpmap:126 telephone-event/8000", "a=mid:t", "m=image 8000 udptl t38")
	answer, _ := negotiate(t, l, full, can)
	for what, text := range map[string]string{"answer": answer, "offer": string(offer(t, l, can).Bytes())} {
		lines := strings.Split(strings.ReplaceAll(text, "\r\n", "|"), "m=")
		if len(lines) != 6 || !strings.Contains(lines[0], "a=group:BUNDLE s|") || !strings.Contains(lines[2], "|a=mid:s|") {
			t.Fatalf("%s\n%s", what, text)
		}
		for i, want := range map[int]string{1: "video 0 RTP/AVP 96 31|a=mid:v|a=rtpmap:96 VP8/90000|", 3: "application 0 UDP/DTLS/SCTP webrtc-datachannel|a=mid:d|",
			4: "audio 0 RTP/AVP 0 126|a=mid:t|a=rtpmap:126 telephone-event/8000|", 5: "image 0 udptl t38|"} {
			if lines[i] != want {
				t.Errorf("%s, line %d is %q, want %q", what, i, lines[i], want)
			}
		}
	}
}

func TestConformance_O08_FirstUsableAudioLineIsTaken(t *testing.T) {
	answer, n := negotiate(t, NewLocal(1), sdp(
		"m=audio 0 RTP/AVP 0",
		"m=audio 5000 RTP/AVP 111", // no rtpmap
		"m=audio 5002 RTP/SAVP 0",
		"m=audio 5004 RTP/AVP 8",
		"m=audio 5006 RTP/AVP 0"), phone())
	want := []string{"m=audio 0 RTP/AVP 0", "m=audio 0 RTP/AVP 111", "m=audio 0 RTP/SAVP 0", "m=audio 4000 RTP/AVP 8", "m=audio 0 RTP/AVP 0"}
	if got := mLines(answer); !slices.Equal(got, want) {
		t.Errorf("answered %q, want %q", got, want)
	}
	if n.Send.Name != "PCMA" || n.Remote.Port() != 5004 {
		t.Errorf("got %+v", n)
	}
}

func TestConformance_O09_AudioOffInReoffer(t *testing.T) {
	l := NewLocal(1)
	off := sdp("m=audio 0 RTP/AVP 0")
	if r := refuse(t, l, off, phone()); r.Code != 488 || r.Warning != 304 {
		t.Errorf("as the first offer it got %+v", r)
	}
	negotiate(t, l, sdp("m=audio 5000 RTP/AVP 0"), phone())
	answer, n := negotiate(t, l, off, phone())
	if got := mLines(answer); !slices.Equal(got, []string{"m=audio 0 RTP/AVP 0"}) || !n.Rejected || n.Remote.IsValid() || n.HeldByRemote() {
		t.Errorf("answered %q with %+v", got, n)
	}
	if _, n = negotiate(t, l, sdp("m=audio 5000 RTP/AVP 0"), phone()); n.Rejected || n.Direction != SendRecv {
		t.Errorf("back again: %+v", n)
	}
}

func TestConformance_O11_RemappedPayloadType(t *testing.T) {
	l := NewLocal(1)
	negotiate(t, l, sdp("m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"), phone(opus, pcmu))
	// The peer gives 101 to opus: its number is taken, ours follows.
	_, n := negotiate(t, l, sdp("m=audio 5000 RTP/AVP 101 0 96", "a=rtpmap:101 opus/48000/2", "a=rtpmap:96 telephone-event/48000"), phone(opus, pcmu))
	if n.Send.PayloadType != 101 || n.Send.Name != "opus" || n.Events == nil || n.Events.Send != 96 {
		t.Errorf("got %+v, events %+v", n, n.Events)
	}
	text := string(offer(t, l, phone(opus, pcmu)).Bytes())
	has(t, text, "m=audio 4000 RTP/AVP 101 0 96 97", "a=rtpmap:101 opus/48000/2", "a=rtpmap:96 telephone-event/48000", "a=rtpmap:97 telephone-event/8000")
}

func TestConformance_O12_TelephoneEventRenegotiated(t *testing.T) {
	l := NewLocal(1)
	for _, row := range []struct {
		lines []string
		want  *Events
	}{
		{[]string{"m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"}, &Events{101, 101, 8000}},
		{[]string{"m=audio 5000 RTP/AVP 0 96", "a=rtpmap:96 Telephone-Event/8000"}, &Events{96, 96, 8000}},
		{[]string{"m=audio 5000 RTP/AVP 0"}, nil},
		{[]string{"m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"}, &Events{101, 101, 8000}},
		{[]string{"m=audio 5000 RTP/AVP 107 101", "a=rtpmap:107 opus/48000/2", "a=rtpmap:101 telephone-event/8000"}, &Events{101, 101, 8000}},
		{[]string{"m=audio 5000 RTP/AVP 107 0 100 101", "a=rtpmap:107 opus/48000/2", "a=rtpmap:100 telephone-event/8000", "a=rtpmap:101 telephone-event/48000"}, &Events{101, 101, 48000}},
	} {
		answer, n := negotiate(t, l, sdp(row.lines...), phone(opus, pcmu))
		if (n.Events == nil) != (row.want == nil) || n.Events != nil && *n.Events != *row.want {
			t.Errorf("%q: events %+v, want %+v", row.lines, n.Events, row.want)
		}
		if row.want != nil {
			has(t, answer, fmt.Sprintf("a=rtpmap:%d telephone-event/%d", row.want.Receive, row.want.ClockRate))
		}
	}
	can := phone()
	can.Events = false
	answer, n := negotiate(t, NewLocal(1), sdp("m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"), can)
	if n.Events != nil || strings.Contains(answer, "telephone-event") {
		t.Errorf("not wanted, yet answered\n%s", answer)
	}
}

func TestConformance_O13_PacketTime(t *testing.T) {
	for lines, want := range map[string][2]time.Duration{
		"a=ptime:10": {10 * time.Millisecond}, "a=ptime:20": {20 * time.Millisecond},
		"a=ptime:40": {40 * time.Millisecond}, "a=ptime: 60 ": {60 * time.Millisecond},
		"a=ptime:0": {}, "a=ptime:65536": {}, "a=ptime:twenty": {}, "a=ptime:-20": {}, "a=ptime": {}, "a=ptime:1000": {},
		"a=maxptime:30\r\na=ptime:60": {30 * time.Millisecond, 30 * time.Millisecond},
		"a=maxptime:60\r\na=ptime:40": {40 * time.Millisecond, 60 * time.Millisecond},
		"a=maxptime:0\r\na=ptime:40":  {40 * time.Millisecond},
	} {
		_, n := negotiate(t, NewLocal(1), sdp("m=audio 5000 RTP/AVP 0", lines), phone())
		if n.Ptime != want[0] || n.MaxPtime != want[1] {
			t.Errorf("%q: ptime %v, maxptime %v", lines, n.Ptime, n.MaxPtime)
		}
	}
}

func TestConformance_O14_OddParametersDoNoHarm(t *testing.T) {
	for _, fmtp := range []string{
		"a=fmtp:111", "a=fmtp:", "a=fmtp:111 " + strings.Repeat("x=1;", 1000), "a=fmtp:111 =;=;", "a=fmtp:300 a=1",
		"a=fmtp:111 a=1\r\na=fmtp:111 a=2", "a=rtpmap:111 opus/48000/2\r\na=rtpmap:111 PCMU/8000", "a=rtpmap:111\r\na=rtpmap:111 /8000",
	} {
		_, n := negotiate(t, NewLocal(1), sdp("m=audio 5000 RTP/AVP 111 18 0 0 x", "a=rtpmap:111 opus/48000/2", "a=fmtp:18 annexb=maybe", fmtp), phone(opus, pcmu))
		if n.Send.Name != "opus" || len(n.SendAll) != 2 {
			t.Errorf("%.40q: got %+v", fmtp, n)
		}
	}
}

func TestConformance_O15_StaticTypesWithoutRtpmap(t *testing.T) {
	answer, n := negotiate(t, NewLocal(1), sdp("m=audio 5000 RTP/AVP 9 8 18 0"), phone(pcmu, pcma, g722))
	has(t, answer, "m=audio 4000 RTP/AVP 9 8 0", "a=rtpmap:9 G722/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000")
	if n.Send.Name != "G722" || len(n.Receive) != 3 || n.Receive[8].Name != "PCMA" {
		t.Errorf("got %+v", n)
	}
}

func TestConformance_O18_BrokenDescriptions(t *testing.T) {
	audio := "m=audio 5000 RTP/AVP 0"
	for name, row := range map[string]struct {
		text string
		code int
	}{
		"empty":               {"", 400},
		"garbage":             {"\x00\xff\xfe not sdp", 400},
		"html":                {"<html>", 400},
		"no m= line":          {sdp(), 400},
		"no o= line":          {"v=0\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n" + audio, 400},
		"o= of words":         {strings.Replace(sdp(audio), "peer 7 1", "peer seven one", 1), 400},
		"another version":     {strings.Replace(sdp(audio), "v=0", "v=1", 1), 400},
		"no c= line":          {"v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nt=0 0\r\n" + audio, 400},
		"wrong address type":  {strings.Replace(sdp(audio), "c=IN IP4", "c=IN IP6", 1), 400},
		"unknown net type":    {strings.Replace(sdp(audio), "c=IN IP4", "c=ATM NSAP", 1), 400},
		"port 70000":          {sdp("m=audio 70000 RTP/AVP 0"), 400},
		"negative port":       {sdp("m=audio -1 RTP/AVP 0"), 400},
		"short m= line":       {sdp("m=audio 5000"), 400},
		"m= line with a bell": {sdp("m=audio 5000 RTP/AVP \a"), 400},
		"a line without =":    {sdp(audio, "hello"), 400},
		"33 m= lines":         {sdp(slices.Repeat([]string{audio}, 33)...), 400},
		"60 kB":               {sdp(audio, strings.Repeat("a=x\r\n", 12000)), 400},
		"no formats":          {sdp("m=audio 5000 RTP/AVP"), 488},
		"host name":           {strings.Replace(sdp(audio), "c=IN IP4 192.0.2.20", "c=IN IP4 pbx.example", 1), 488},
		"multicast":           {strings.Replace(sdp(audio), "c=IN IP4 192.0.2.20", "c=IN IP4 224.2.1.1/127", 1), 488},
		"no codec in common":  {sdp("m=audio 5000 RTP/AVP 18 3"), 488},
		"events alone":        {sdp("m=audio 5000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"), 488},
		"video alone":         {sdp("m=video 5000 RTP/AVP 31"), 488},
	} {
		if r := refuse(t, NewLocal(1), row.text, phone()); r.Code != row.code || r.Warning < 300 || r.Warning > 399 || len(r.Why) > 300 {
			t.Errorf("%s: got %+v, want %d", name, r, row.code)
		}
	}
}

func TestConformance_O18_OddButHonestDescriptionsAreTaken(t *testing.T) {
	for name, text := range map[string]string{
		"bare LF":            strings.ReplaceAll(sdp("m=audio 5000 RTP/AVP 0"), "\r\n", "\n"),
		"no s= and t=":       "v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\nc=IN IP4 192.0.2.20\r\nm=audio 5000 RTP/AVP 0\r\n",
		"lines out of order": "v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\nt=0 0\r\na=tool:x\r\nc=IN IP4 192.0.2.20\r\ns= \r\nm=audio 5000 RTP/AVP 0\r\n",
		"unknown lines":      sdp("b=ZZ:1", "y=what", "m=audio 5000 RTP/AVP 0", "b=AS:x", "i=\xff\xfe", "k=clear:x"),
		"no last line end":   strings.TrimSpace(sdp("m=audio 5000 RTP/AVP 0")),
		"a zero behind":      sdp("m=audio 5000 RTP/AVP 0") + "\x00",
		"capitals":           sdp("m=Audio 5000 rtp/avp 0"),
		"two ports":          sdp("m=audio 5000/2 RTP/AVP 0"),
		"blanks":             sdp("m=audio  5000  RTP/AVP  0 "),
	} {
		if _, n := negotiate(t, NewLocal(1), text, phone()); n.Remote.String() != "192.0.2.20:5000" {
			t.Errorf("%s: sends to %s", name, n.Remote)
		}
	}
}

// The promise for hostile bodies: 5 ms, whatever 60 kB of them hold.
func TestConformance_O18_GarbageCostsNoTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 60<<10)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	limit := func(s string) string { return s[:min(len(s), MaxSize)] }
	for name, text := range map[string]string{
		"noise":           string(noise),
		"lines":           sdp(strings.Repeat("m=audio 1 RTP/AVP 0\r\n", 3000)),
		"noise in 16 kB":  limit(string(noise)),
		"formats":         limit(sdp("m=audio 1 RTP/AVP" + strings.Repeat(" 0", 9000))),
		"attributes":      limit(sdp("m=audio 1 RTP/AVP 0", strings.Repeat("a=rtpmap:1 x/8000\r\n", 900))),
		"short lines":     limit(sdp(strings.Repeat("a=\r\n", 9000))),
		"one long line":   limit(sdp("a=" + strings.Repeat("x", 20000))),
		"o= lines":        limit(strings.Repeat("o=- 1 1 IN IP4 1.1.1.1\r\n", 3000)),
		"slashes in m=":   limit(sdp("m=audio 1/" + strings.Repeat("/", 16000) + " RTP/AVP 0")),
		"connection line": limit(sdp("m=audio 1 RTP/AVP 0", strings.Repeat("c=IN IP4 1.1.1.1\r\n", 1000))),
	} {
		const budget = 5 * time.Millisecond * slower
		best := time.Hour
		for tries := 0; tries < 100 && best > budget; tries++ { // what it takes is the least of them: the machine may be busy
			start := time.Now()
			if o, err := ParseOffer([]byte(text)); err == nil {
				_, _, _ = Negotiate(NewLocal(1), o, phone())
			}
			best = min(best, time.Since(start))
		}
		if best > budget {
			t.Errorf("%s: %v, over %v", name, best, budget)
		}
	}
}

func TestConformance_O20_SecureProfilesAreRefusedNotDowngraded(t *testing.T) {
	for _, proto := range []string{"RTP/SAVP", "RTP/SAVPF", "RTP/AVPF", "UDP/TLS/RTP/SAVPF", "TCP/RTP/AVP", "what/ever"} {
		if r := refuse(t, NewLocal(1), sdp("m=audio 5000 "+proto+" 0"), phone()); r.Code != 488 || r.Warning != 302 {
			t.Errorf("%s: got %+v", proto, r)
		}
	}
}

func TestConformance_O23_AddressFamilies(t *testing.T) {
	six := phone()
	six.Address = netip.MustParseAddr("2001:db8::10")
	v4 := sdp("m=audio 5000 RTP/AVP 0")
	v6 := sdp("m=audio 5000 RTP/AVP 0", "c=IN IP6 2001:db8::20")
	answer, n := negotiate(t, NewLocal(3), v6, six)
	has(t, answer, "o=- 3 1 IN IP6 2001:db8::10", "c=IN IP6 2001:db8::10")
	if n.Remote.String() != "[2001:db8::20]:5000" {
		t.Errorf("sends to %s", n.Remote)
	}
	for name, row := range map[string]struct {
		text string
		can  Capabilities
	}{"v4 to v6": {v4, six}, "v6 to v4": {v6, phone()}} {
		if r := refuse(t, NewLocal(1), row.text, row.can); r.Code != 488 || r.Warning != 301 {
			t.Errorf("%s: got %+v", name, r)
		}
	}
	mixed := sdp("m=audio 5000 RTP/AVP 0", "c=IN IP6 2001:db8::20", "m=audio 5002 RTP/AVP 0")
	if answer, n = negotiate(t, NewLocal(1), mixed, phone()); n.Remote.String() != "192.0.2.20:5002" {
		t.Errorf("of a v6 and a v4 line it took %s\n%s", n.Remote, answer)
	}
}

// M11 too: where rtcp-mux is refused, RTCP goes to the next port.
func TestConformance_M11_RTCPAddress(t *testing.T) {
	for line, want := range map[string]string{
		"a=x":                            "192.0.2.20:5001",
		"a=rtcp:5099":                    "192.0.2.20:5099",
		"a=rtcp:5099 IN IP4 192.0.2.21":  "192.0.2.21:5099",
		"a=rtcp:5099 IN IP6 2001:db8::1": "192.0.2.20:5099",
		"a=rtcp:0":                       "192.0.2.20:5001",
		"a=rtcp:99999":                   "192.0.2.20:5001",
		"a=rtcp:5099 IN IP4 nonsense":    "192.0.2.20:5001",
		"a=rtcp:5099 IN IP4 224.0.0.1":   "192.0.2.20:5099",
		"a=rtcp-mux":                     "192.0.2.20:5000",
	} {
		can := phone()
		can.RTCPMux = true
		answer, n := negotiate(t, NewLocal(1), sdp("m=audio 5000 RTP/AVP 0", line), can)
		if n.RemoteRTCP.String() != want || n.RTCPMux != strings.Contains(answer, "a=rtcp-mux") {
			t.Errorf("%s: RTCP to %s, want %s\n%s", line, n.RemoteRTCP, want, answer)
		}
	}
	if _, n := negotiate(t, NewLocal(1), sdp("m=audio 65535 RTP/AVP 0"), phone()); n.RemoteRTCP.IsValid() {
		t.Errorf("above port 65535 there is %s", n.RemoteRTCP)
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add([]byte(sdp("m=audio 5000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=sendonly")), []byte(sdp("m=audio 0 RTP/AVP 0")))
	f.Add([]byte(sdp("m=video 1 RTP/AVP 31", "m=audio 5000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2", "a=rtcp:1")), []byte("v=0"))
	f.Add([]byte(strings.Replace(sdp("m=image 1 udptl t38", "m=audio 2 RTP/AVP 0"), "192.0.2.20", "0.0.0.0", 1)), []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		l := NewLocal(1)
		for _, text := range [][]byte{first, second, first} {
			o, err := ParseOffer(text)
			if err != nil {
				continue
			}
			a, n, err := Negotiate(l, o, phone(opus, pcmu, pcma))
			if err != nil {
				continue
			}
			if len(a.streams) != len(o.streams) {
				t.Fatalf("%d m= lines answered of %d", len(a.streams), len(o.streams))
			}
			on := 0
			for i := range a.streams {
				if a.streams[i].port != 0 {
					on++
				}
			}
			if (on == 1) == n.Rejected || on > 1 {
				t.Fatalf("%d lines in use, rejected %v", on, n.Rejected)
			}
			if !n.Rejected && n.Direction.Sends() && !n.Remote.IsValid() {
				t.Fatalf("sends to nowhere: %+v", n)
			}
			if _, err := BuildOffer(l, phone(opus, pcmu, pcma)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkNegotiate(b *testing.B) {
	text := []byte(sdp("m=audio 5000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20"))
	b.ReportAllocs()
	for b.Loop() {
		o, _ := ParseOffer(text)
		if _, _, err := Negotiate(NewLocal(1), o, phone()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestConformance_O08_LineInUseStaysInUse(t *testing.T) {
	l := NewLocal(1)
	negotiate(t, l, sdp("m=audio 0 RTP/AVP 0", "m=audio 5002 RTP/AVP 0"), phone())
	_, n := negotiate(t, l, sdp("m=audio 5000 RTP/AVP 0", "m=audio 5002 RTP/AVP 0"), phone())
	if n.Remote.Port() != 5002 {
		t.Errorf("moved to port %d", n.Remote.Port())
	}
	if _, n = negotiate(t, l, sdp("m=audio 5000 RTP/AVP 0", "m=audio 0 RTP/AVP 0"), phone()); n.Remote.Port() != 5000 {
		t.Errorf("line in use refused: sends to %s", n.Remote)
	}
}

func TestConformance_O11_OurPayloadTypeNeverMeansAnotherCodec(t *testing.T) {
	l := NewLocal(1)
	offer(t, l, phone(opus, pcmu)) // 96 is opus from now on
	speex := Format{PayloadType: 96, Name: "speex", ClockRate: 16000}
	text := string(offer(t, l, phone(speex, pcmu)).Bytes())
	if strings.Contains(text, "rtpmap:96 ") {
		t.Errorf("96 is given to another codec:\n%s", text)
	}
	has(t, string(offer(t, l, phone(opus)).Bytes()), "a=rtpmap:96 opus/48000/2")
}
