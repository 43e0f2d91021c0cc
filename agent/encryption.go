package agent

import (
	"slices"
	"strings"

	"ringback/media"
	"ringback/media/sdp"
	"ringback/sip"
)

// secureTransports are those whose signalling nobody on the way can read.
var secureTransports = []string{"tls", "wss"}

// security is what a call wants of SRTP. Keys that stand in SDP are as secret as the
// signalling (RFC 4568 section 7.1): over UDP or TCP there are none, unless the
// configuration allows it.
func (a *Agent) security(s *sip.Session) media.Security {
	m := &a.cfg.Media
	encryption, _ := sdp.ParseEncryption(m.Encryption) // validated
	keying, _ := sdp.ParseKeying(m.Keying)
	return media.Security{Encryption: encryption, Suites: m.suites(), Keying: keying, Certificate: a.certificate, ICE: m.ICE,
		KeysReadable: !m.KeysInClear && !a.signalsInSecret(s)}
}

// signalsInSecret says that a call's signalling is encrypted on its way to the PBX.
func (a *Agent) signalsInSecret(s *sip.Session) bool {
	transport := a.cfg.Account.Transport
	if s != nil && s.Source() != nil {
		transport = s.Source().Transport()
	}
	return slices.Contains(secureTransports, strings.ToLower(transport))
}

// suites are those of the configuration; nil: all.
func (m *MediaConfig) suites() []sdp.Suite {
	var list []sdp.Suite
	for _, name := range m.Suites {
		list = append(list, sdp.Suite(name))
	}
	return list
}

func (c *Config) validateEncryption() error {
	m := &c.Media
	if err := first(oneOf("media.encryption", m.Encryption, "off", "optional", "required"), oneOf("media.keying", m.Keying, "sdes", "dtls")); err != nil {
		return err
	}
	var known []string
	for _, s := range sdp.Suites() {
		known = append(known, string(s))
	}
	for _, name := range m.Suites {
		if err := oneOf("media.suites", name, known...); err != nil {
			return err
		}
	}
	if err := m.validateWays(); err != nil {
		return err
	}
	if m.Encryption == "required" && m.Keying == "sdes" && !m.KeysInClear && !slices.Contains(secureTransports, strings.ToLower(c.Account.Transport)) {
		return &ConfigError{Field: "media.encryption", Value: m.Encryption,
			Why:    "sends the keys by account.transport " + c.Account.Transport + ", where anybody on the way can read them",
			Remedy: "write account.transport: tls, or media.keying: dtls, or allow it with media.keys_in_clear: true"}
	}
	return nil
}

// validateWays looks at ICE and its servers.
func (m *MediaConfig) validateWays() error {
	if err := oneOf("media.ice_policy", m.ICEPolicy, "all", "relay"); err != nil {
		return err
	}
	turn := false
	for _, url := range m.ICEServers {
		if err := media.CheckServer(url); err != nil {
			return &ConfigError{Field: "media.ice_servers", Value: url, Why: err.Error(), Remedy: "correct it"}
		}
		turn = turn || strings.HasPrefix(strings.ToLower(url), "turn")
	}
	switch {
	case !m.ICE && len(m.ICEServers) > 0:
		return &ConfigError{Field: "media.ice_servers", Value: strings.Join(m.ICEServers, ","), Why: "are asked for ICE only", Remedy: "write media.ice: true"}
	case m.ICEPolicy == "relay" && !(m.ICE && turn):
		return &ConfigError{Field: "media.ice_policy", Value: m.ICEPolicy, Why: "needs a TURN server", Remedy: "write media.ice: true, and one into media.ice_servers"}
	case turn && (m.TURNUsername == "" || m.TURNPassword == ""):
		return &ConfigError{Field: "media.turn_username", Value: m.TURNUsername, Why: "a TURN server wants a user name and a password",
			Remedy: "set media.turn_username, and media.turn_password_file or RINGBACK_TURN_PASSWORD"}
	}
	return nil
}

// encryptionChanged tells that a call is encrypted from now on, or is not any more.
func (a *Agent) encryptionChanged(l *leg, suite string) {
	l.refreshMedia()
	e := l.event(MediaEncrypted)
	e.Text = suite
	if suite == "" {
		e = l.event(MediaUnencrypted)
		e.Text = "the call is not encrypted any more"
	}
	a.emit(e)
}

// encryptionFailed tells that a call cannot be heard for lack of keys. It goes on: the
// far end may offer something else.
func (a *Agent) encryptionFailed(l *leg, err error) {
	e := l.event(ErrorHappened)
	e.Text = "the call could not be encrypted, so that nothing is heard: " + err.Error()
	a.emit(e)
}

// refusedEncryption says in words what a far end that refuses our offer may mean by it.
func (a *Agent) refusedEncryption(l *leg, c sip.Cause) {
	if l.incoming || c.Code != 488 && c.Code != 606 && c.Code != 415 || a.cfg.Media.Encryption != "required" {
		return
	}
	e := l.event(ErrorHappened)
	e.Code = c.Code
	e.Text = "the far end refused the call, perhaps because it does not speak SRTP, which media.encryption: required asks for: " +
		"have the PBX encrypt media (Asterisk: media_encryption=sdes or dtls, as media.keying here), or write media.encryption: optional"
	a.emit(e)
}

// refusedChange says why a change of the call by the far end was refused, where that
// may be because of encryption.
func (a *Agent) refusedChange(l *leg, why *sdp.Refusal) {
	if a.cfg.Media.Encryption != "required" {
		return
	}
	e := l.event(ErrorHappened)
	e.Text = "the far end asked to change the call and was refused: " + why.Why
	a.emit(e)
}
