package sdp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// secure is what a phone with that policy can do.
func secure(e Encryption, suites ...Suite) Capabilities {
	can := phone()
	can.Encryption, can.Suites = e, suites
	return can
}

// inline is a key of n octets of b as it stands in a=crypto.
func inline(b byte, n int) string {
	return "inline:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), n)))
}

const (
	savp = "m=audio 5000 RTP/SAVP 0"
	avp  = "m=audio 5000 RTP/AVP 0"
)

// TestConformance_O20_PolicyDecidesWhatIsAnswered: what an offer gets under each
// policy: the transport and the suite of the answer, or the words of a 488.
func TestConformance_O20_PolicyDecidesWhatIsAnswered(t *testing.T) {
	keys := "a=crypto:3 AES_CM_128_HMAC_SHA1_80 " + inline('k', 30)
	strange := "a=crypto:3 F8_128_HMAC_SHA1_80 " + inline('k', 30)
	readable := func(c Capabilities) Capabilities { c.KeysReadable = true; return c }
	off, optional, required := secure(EncryptionOff), secure(EncryptionOptional), secure(EncryptionRequired)
	for _, row := range []struct {
		name  string
		can   Capabilities
		offer string
		proto string // of the answer; empty: refused
		suite Suite
		why   string
	}{
		{"off, SAVP", off, sdp(savp, keys), "", "", "encryption is switched off"},
		{"off, AVP with keys", off, sdp(avp, keys), plainRTP, "", ""},
		{"off, AVP", off, sdp(avp), plainRTP, "", ""},
		{"off, DTLS", off, sdp("m=audio 5000 UDP/TLS/RTP/SAVP 0", "a=fingerprint:sha-256 00"), "", "", "only RTP/AVP is spoken"},
		{"optional, SAVP", optional, sdp(savp, keys), secureRTP, AESCM80, ""},
		{"optional, SAVP without keys", optional, sdp(savp), "", "", "without keys that can be used"},
		{"optional, SAVP, strange suite", optional, sdp(savp, strange), "", "", "without keys that can be used"},
		{"optional, AVP with keys", optional, sdp(avp, keys), plainRTP, AESCM80, ""},
		{"optional, AVP, strange suite", optional, sdp(avp, strange), plainRTP, "", ""},
		{"optional, AVP", optional, sdp(avp), plainRTP, "", ""},
		{"optional, readable, AVP with keys", readable(optional), sdp(avp, keys), plainRTP, "", ""},
		{"optional, readable, SAVP", readable(optional), sdp(savp, keys), "", "", "signalling that is not encrypted"},
		{"required, SAVP", required, sdp(savp, keys), secureRTP, AESCM80, ""},
		{"required, SAVP, other suites", secure(EncryptionRequired, AEAD128), sdp(savp, keys), "", "", "AEAD_AES_128_GCM are spoken here"},
		{"required, AVP with keys", required, sdp(avp, keys), plainRTP, AESCM80, ""},
		{"required, AVP", required, sdp(avp), "", "", "a call that is not encrypted"},
		{"required, AVP, strange suite", required, sdp(avp, strange), "", "", "a call that is not encrypted"},
		{"required, readable", readable(required), sdp(savp, keys), "", "", "signalling that is not encrypted"},
		{"required, a plain line and one that is not", required, sdp(avp, "m=audio 5002 RTP/SAVP 0", keys), secureRTP, AESCM80, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.proto == "" {
				if r := refuse(t, NewLocal(1), row.offer, row.can); r.Code != 488 || r.Warning != 302 || !strings.Contains(r.Why, row.why) {
					t.Errorf("got %+v", r)
				}
				return
			}
			answer, n := negotiate(t, NewLocal(1), row.offer, row.can)
			if !strings.Contains(answer, "m=audio 4000 "+row.proto+" 0") || strings.Contains(answer, "a=crypto") != (row.suite != "") {
				t.Errorf("answer\n%s", answer)
			}
			if row.suite == "" {
				if n.Crypto != nil {
					t.Errorf("agreed on %v", n.Crypto)
				}
				return
			}
			if n.Crypto == nil || n.Crypto.Suite != row.suite || string(n.Crypto.Receive[0].Key) != strings.Repeat("k", 16) {
				t.Fatalf("agreed on %+v", n.Crypto)
			}
			ours := base64.StdEncoding.EncodeToString(append(append([]byte{}, n.Crypto.Send.Key...), n.Crypto.Send.Salt...))
			has(t, answer, "a=crypto:3 "+string(row.suite)+" inline:"+ours)
		})
	}
}

// TestConformance_O20_NoDowngradeByAReinvite: an offer inside the session that is
// not encrypted is refused where encryption is required, and the session stays.
func TestConformance_O20_NoDowngradeByAReinvite(t *testing.T) {
	l, can := NewLocal(1), secure(EncryptionRequired)
	first, n := negotiate(t, l, sdp(savp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "+inline('k', 30)), can)
	for _, offer := range []string{sdp(avp), sdp("m=audio 0 RTP/SAVP 0", avp)} {
		if r := refuse(t, l, offer, can); r.Code != 488 || !strings.Contains(r.Why, "not encrypted") {
			t.Errorf("got %+v", r)
		}
	}
	again, m := negotiate(t, l, sdp(savp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "+inline('k', 30), "a=sendonly"), can)
	if !m.Crypto.SameSend(n.Crypto) || !m.Crypto.SameReceive(n.Crypto) {
		t.Errorf("keys changed\n%s\n%s", first, again)
	}
}

func TestConformance_O20_OffersByPolicy(t *testing.T) {
	if _, err := BuildOffer(NewLocal(1), Capabilities{}); err == nil {
		t.Fatal("an offer of nothing")
	}
	readable := secure(EncryptionRequired)
	readable.KeysReadable = true
	if _, err := BuildOffer(NewLocal(1), readable); err == nil || !strings.Contains(err.Error(), "media.keys_in_clear") {
		t.Errorf("keys over signalling that is not encrypted: %v", err)
	}
	readable.Encryption = EncryptionOptional
	for name, row := range map[string]struct {
		can   Capabilities
		proto string
		lines int
	}{
		"off": {secure(EncryptionOff), plainRTP, 0}, "optional": {secure(EncryptionOptional), plainRTP, 4},
		"required": {secure(EncryptionRequired), secureRTP, 4}, "two suites": {secure(EncryptionRequired, AESCM80, AEAD128), secureRTP, 2},
		"optional, readable": {readable, plainRTP, 0},
	} {
		o, err := BuildOffer(NewLocal(1), row.can)
		if err != nil {
			t.Fatal(err)
		}
		text := string(o.Bytes())
		if !strings.Contains(text, "m=audio 4000 "+row.proto+" ") || strings.Count(text, "a=crypto:") != row.lines || len(o.streams[0].crypto) != row.lines {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// TestConformance_O20_AnswersToOurOffers: what is made of an answer.
func TestConformance_O20_AnswersToOurOffers(t *testing.T) {
	key := inline('k', 44)
	for _, row := range []struct {
		name   string
		policy Encryption
		answer string
		suite  Suite
		why    string // empty: taken
	}{
		{"required, keys", EncryptionRequired, sdp(savp, "a=crypto:1 AEAD_AES_256_GCM "+key), AEAD256, ""},
		{"required, no keys", EncryptionRequired, sdp(savp), "", "would not be encrypted"},
		{"required, plain", EncryptionRequired, sdp(avp), "", `transport "RTP/AVP" to an offer of RTP/SAVP`},
		{"required, plain with keys", EncryptionRequired, sdp(avp, "a=crypto:1 AEAD_AES_256_GCM "+key), "", `transport "RTP/AVP"`},
		{"required, a tag of nothing", EncryptionRequired, sdp(savp, "a=crypto:9 AEAD_AES_256_GCM "+key), "", "no suite of the offer"},
		{"required, tag of another suite", EncryptionRequired, sdp(savp, "a=crypto:2 AEAD_AES_256_GCM "+key), "", "no suite of the offer"},
		{"required, two lines", EncryptionRequired, sdp(savp, "a=crypto:1 AEAD_AES_256_GCM "+key, "a=crypto:2 AEAD_AES_128_GCM "+inline('k', 28)), "", "no suite of the offer"},
		{"required, short key", EncryptionRequired, sdp(savp, "a=crypto:1 AEAD_AES_256_GCM "+inline('k', 30)), "", "no suite of the offer"},
		{"optional, keys", EncryptionOptional, sdp(avp, "a=crypto:4 AES_CM_128_HMAC_SHA1_32 "+inline('k', 30)), AESCM32, ""},
		{"optional, plain", EncryptionOptional, sdp(avp), "", ""},
		{"optional, SAVP with keys", EncryptionOptional, sdp(savp, "a=crypto:3 AES_CM_128_HMAC_SHA1_80 "+inline('k', 30)), AESCM80, ""},
		{"optional, SAVP without", EncryptionOptional, sdp(savp), "", "would not be encrypted"},
		{"optional, keys that are none", EncryptionOptional, sdp(avp, "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:AAAA"), "", "no suite of the offer"},
		{"off, SAVP", EncryptionOff, sdp(savp, "a=crypto:1 AEAD_AES_256_GCM "+key), "", `transport "RTP/SAVP"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := NewLocal(1)
			o, err := BuildOffer(l, secure(row.policy))
			if err != nil {
				t.Fatal(err)
			}
			n, err := Apply(l, o, answerOf(t, row.answer))
			var refusal *Refusal
			switch {
			case row.why != "" && (!errors.As(err, &refusal) || !strings.Contains(err.Error(), row.why)):
				t.Errorf("got %v", err)
			case row.why == "" && err != nil:
				t.Error(err)
			case row.why == "" && (n.Crypto == nil) != (row.suite == ""):
				t.Errorf("agreed on %v", n.Crypto)
			case row.suite != "" && (n.Crypto.Suite != row.suite || !n.Crypto.Send.same(l.keys[row.suite])):
				t.Errorf("agreed on %v", n.Crypto.Suite)
			}
		})
	}
}

func TestOffer_SuiteInUseComesFirstWithItsKey(t *testing.T) {
	l, can := NewLocal(1), secure(EncryptionOptional)
	_, n := negotiate(t, l, sdp(savp, "a=crypto:1 AES_CM_128_HMAC_SHA1_32 "+inline('k', 30)), can)
	o, err := BuildOffer(l, can)
	if err != nil {
		t.Fatal(err)
	}
	first := o.streams[0].crypto[0]
	if first.suite != AESCM32 || !first.keys[0].same(n.Crypto.Send) || len(o.streams[0].crypto) != 4 || o.streams[0].proto != secureRTP {
		t.Errorf("%s", o.Bytes())
	}
	again, err := BuildOffer(l, can)
	if err != nil || string(again.Bytes()) != string(o.Bytes()) {
		t.Errorf("the same offer is another one: %v\n%s\n%s", err, o.Bytes(), again.Bytes())
	}
}

func TestRFC4568_9_1_CryptoLines(t *testing.T) {
	good := inline('k', 30)
	for line, want := range map[string]int{ // octets of the MKI; -1: passed over
		"1 AES_CM_128_HMAC_SHA1_80 " + good:                                           0,
		"1 AES_CM_128_HMAC_SHA1_80 " + strings.Replace(good, "inline", "INLINE", 1):   0,
		"999999999 AES_CM_128_HMAC_SHA1_80 " + good:                                   0,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|2^20":                                 0,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|1000":                                 0,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|2^48|1:4":                             4,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|66051:4":                              4,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|2^20|1:1;" + inline('l', 30) + "|2:1": 1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + " KDR=0 WSH=128 -UNKNOWN":               0,
		"1 AEAD_AES_128_GCM " + inline('k', 28):                                       0,
		"1 AEAD_AES_128_GCM " + strings.TrimRight(inline('k', 28), "="):               0,
		"1 AEAD_AES_256_GCM " + inline('k', 44):                                       0,
		"":                                                                            -1,
		"1":                                                                           -1,
		"1 AES_CM_128_HMAC_SHA1_80":                                                   -1,
		"x AES_CM_128_HMAC_SHA1_80 " + good:                                           -1,
		"1234567890 AES_CM_128_HMAC_SHA1_80 " + good:                                  -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + inline('k', 29):                                -1,
		"1 AES_CM_128_HMAC_SHA1_80 inline:!!!":                                        -1,
		"1 AES_CM_128_HMAC_SHA1_80 uri:https://example.com":                           -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|0":                                    -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|2^49":                                 -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|1:0":                                  -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|1:129":                                -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|256:1":                                -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|1:1|2^20":                             -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|2^20|2^20":                            -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + ";" + good:                              -1, // two keys, and no MKI to tell them apart
		"1 AES_CM_128_HMAC_SHA1_80 " + good + "|1:1;" + good + "|2:2":                 -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + " UNENCRYPTED_SRTP":                     -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + " UNENCRYPTED_SRTCP":                    -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + " UNAUTHENTICATED_SRTP":                 -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + " KDR=5":                                -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + " WSH=32":                               -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + good + " UNKNOWN":                              -1,
		"1 F8_128_HMAC_SHA1_80 " + good:                                               -1,
		"1 AES_CM_128_HMAC_SHA1_80 " + strings.Repeat(good+"|1:1;", 5) + "x":          -1,
	} {
		c, ok := readCrypto(line)
		if ok != (want >= 0) || ok && len(c.first().MKI) != want {
			t.Errorf("%q: taken %v, %+v", line, ok, len(c.keys))
		}
	}
	if c, _ := readCrypto("1 AES_CM_128_HMAC_SHA1_80 " + good + "|66051:4"); string(c.first().MKI) != "\x00\x01\x02\x03" {
		t.Errorf("MKI % x", c.first().MKI)
	}
}

func TestManyCryptoLinesAreNotAllRead(t *testing.T) {
	text := sdp(append([]string{savp}, strings.Split(strings.Repeat("a=crypto:1 AES_CM_128_HMAC_SHA1_80 "+inline('k', 30)+"\n", 120), "\n")...)...)
	if o := offerOf(t, text); len(o.streams[0].crypto) != maxCryptos {
		t.Errorf("%d kept", len(o.streams[0].crypto))
	}
}

func TestMasterKeyNeverShows(t *testing.T) {
	k := MasterKey{Key: []byte("0123456789abcdef"), Salt: []byte("salt4567890123")}
	c := &Crypto{Suite: AESCM80, Send: k, Receive: []MasterKey{k}}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %q %x %d", k, k, k, k, k, k, k), fmt.Sprintf("%+v %#v", c, c),
		string(text), k.LogValue().String()} {
		for _, secret := range []string{"0123456789", "salt456", "30313233", "48 49 50", "MDEyMzQ1"} {
			if strings.Contains(shown, secret) {
				t.Errorf("%q shows the key", shown)
			}
		}
	}
}

// FuzzSecure: whatever an offer or an answer says, nothing plain is agreed on where
// encryption is required.
func FuzzSecure(f *testing.F) {
	keys := "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " + inline('k', 30)
	print := "a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	f.Add([]byte(sdp(savp, keys)))
	f.Add([]byte(sdp(avp, keys+"|2^20|1:4;"+inline('l', 30)+"|2:4 KDR=0")))
	f.Add([]byte(sdp("m=audio 9 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 0.0.0.0", print, "a=setup:actpass", "a=mid:0", "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv",
		"a=candidate:1 1 udp 2130706431 192.0.2.20 5000 typ host", "a=rtcp-mux")))
	f.Add([]byte(sdp("m=audio 5000 UDP/TLS/RTP/SAVP 0", print, "a=setup:active")))
	f.Fuzz(func(t *testing.T, text []byte) {
		ours := Fingerprint{Hash: "sha-256", Value: make([]byte, 32)}
		for _, keying := range []Keying{KeyingSDES, KeyingDTLS} {
			can := secure(EncryptionRequired)
			can.Keying, can.Fingerprint, can.ICE = keying, ours, &ICE{Ufrag: "ours", Pwd: "oursoursoursoursoursours", Candidates: []string{"1 1 udp 1 192.0.2.10 4000 typ host"}}
			l := NewLocal(1)
			if o, err := ParseOffer(text); err == nil {
				if _, n, err := Negotiate(l, o, can); err == nil && !n.Rejected && n.Crypto == nil && n.DTLS == nil {
					t.Fatalf("a plain call was agreed on: %+v", n)
				}
			}
			o, err := BuildOffer(l, can)
			if err != nil {
				t.Fatal(err)
			}
			if a, err := ParseAnswer(text); err == nil {
				if n, err := Apply(l, o, a); err == nil && !n.Rejected && n.Crypto == nil && n.DTLS == nil {
					t.Fatalf("a plain answer was taken: %+v", n)
				}
			}
		}
	})
}
