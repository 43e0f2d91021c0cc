package verdict

import (
	"strings"
	"unicode"
)

// ID names a verdict: room.what.
type ID string

// The verdicts.
const (
	ConfigWrong    ID = "config.wrong"
	ConfigOpen     ID = "config.open"
	DNSNoName      ID = "dns.no_name"
	DNSSilent      ID = "dns.silent"
	DNSFails       ID = "dns.fails"
	DNSLies        ID = "dns.lies"
	DNSService     ID = "dns.service"
	DNSStale       ID = "dns.stale"
	DNSAstray      ID = "dns.astray"
	NetNoWay       ID = "net.no_way"
	NetRefused     ID = "net.refused"
	NetSilent      ID = "net.silent"
	NetTransport   ID = "net.transport"
	NetHalfOpen    ID = "net.half_open"
	NetLost        ID = "net.lost"
	NetUnreachable ID = "net.unreachable"
	NetPortTaken   ID = "net.port_taken"
	NetNotOurs     ID = "net.not_ours"
	TLSExpired     ID = "tls.expired"
	TLSNotYet      ID = "tls.not_yet"
	TLSName        ID = "tls.name"
	TLSUnknownCA   ID = "tls.unknown_ca"
	TLSHandshake   ID = "tls.handshake"
	TLSSoon        ID = "tls.soon"
	TLSFiles       ID = "tls.files"
	AuthPassword   ID = "auth.password"
	AuthNone       ID = "auth.none"
	AuthRealm      ID = "auth.realm"
	AuthAlgorithm  ID = "auth.algorithm"
	AuthStale      ID = "auth.stale"
	AuthChallenge  ID = "auth.challenge"
	SIPForbidden   ID = "sip.forbidden"
	SIPUnknown     ID = "sip.unknown_user"
	SIPUnavailable ID = "sip.unavailable"
	SIPMoved       ID = "sip.moved"
	SIPNoRegistrar ID = "sip.no_registrar"
	SIPRefused     ID = "sip.refused"
	SIPForgotten   ID = "sip.forgotten"
	NATBehind      ID = "nat.behind"
	NATMedia       ID = "nat.media"
	MediaPorts     ID = "media.ports"
	MediaUntested  ID = "media.untested"
	MediaNoSound   ID = "media.no_sound"
	MediaRefused   ID = "media.refused"
	MediaLoss      ID = "media.loss"

	MediaServer       ID = "media.server"
	MediaServerAuth   ID = "media.server_auth"
	MediaServerSilent ID = "media.server_silent"

	AudioBuild     ID = "audio.build"
	AudioNone      ID = "audio.none"
	AudioAbsent    ID = "audio.absent"
	AudioHangs     ID = "audio.hangs"
	AudioFallback  ID = "audio.fallback"
	StoreReadOnly  ID = "store.read_only"
	StoreNewer     ID = "store.newer"
	StoreDamaged   ID = "store.damaged"
	StoreFull      ID = "store.full"
	StoreLow       ID = "store.low"
	StoreSlow      ID = "store.slow"
	StoreDisk      ID = "store.disk"
	ControlForeign ID = "control.foreign"
	ControlPath    ID = "control.path"
	ControlBusy    ID = "control.busy"
	AgentNone      ID = "agent.none"
	AgentFails     ID = "agent.not_registered"
	AgentRefused   ID = "agent.refused"
	AgentOutbox    ID = "agent.outbox"
	AgentQueue     ID = "agent.queue"
	ClockOff       ID = "clock.off"
	ClockBack      ID = "clock.back"
	ClockJumped    ID = "clock.jumped"
	ClockUnknown   ID = "clock.unknown"

	MediaGone       ID = "media.gone"
	CallForgotten   ID = "call.forgotten"
	CallSilent      ID = "call.silent"
	CallMoved       ID = "call.moved"
	CallUnconfirmed ID = "call.unconfirmed"
	CallUnrefreshed ID = "call.unrefreshed"
	CallTransfer    ID = "call.transfer_silent"
)

// Verdict is one row: what is wrong, and what to do about it. {name} stands for a
// value of the case.
type Verdict struct {
	ID    ID
	Wrong string
	Do    string
}

// All is the table.
func All() []Verdict {
	return []Verdict{
		{ConfigWrong, "{error}", "correct it, or start from testdata/config/agent.yaml"},
		{ConfigOpen, "other users of this machine can read {file}", "keep it to yourself: chmod 600 {file}"},

		{DNSNoName, "the DNS does not know {host}", "check its spelling in account.aor, registrar or proxy; if it is right, ask who runs that DNS"},
		{DNSSilent, "no DNS server answers for {host}", "check this machine's network, and the name servers that it was given"},
		{DNSFails, "the DNS fails to answer for {host}: {error}", "try again in a minute; if it stays so, ask who runs that DNS"},
		{DNSLies, "the DNS says that {host} is {addr}, where no PBX can be", "a provider, a hotel or a filter changes its answers: use another DNS server, or write the PBX's address into account.proxy"},
		{DNSService, "the DNS names {target} as server of {host}, and has no address for it", "ask who runs the DNS of {host}"},
		{DNSStale, "the DNS has no address for {host} any more: {error}", "nothing now: the phone goes on at {addr}, which has served it; ask who runs that DNS within the day"},
		{DNSAstray, "the DNS says that {host} is {named} now, which does not serve this phone: {error}", "nothing now: the phone goes on at {addr}, which has served it; if the PBX has moved, ask who runs it, if not, use another DNS server"},

		{NetNoWay, "no way to {addr}: this machine is not connected to a network that leads there", "connect it (cable, Wi-Fi, VPN); the phone tries again by itself"},
		{NetRefused, "nothing listens on {addr} by {transport}", "check the port and account.transport, and that the PBX runs"},
		{NetSilent, "{addr} does not answer by {transport}", "check that it is the right address and that the PBX runs; a firewall may drop what comes from here"},
		{NetTransport, "{addr} does not answer by {transport}, but by {other}", "set account.transport: {other}"},
		{NetHalfOpen, "the connection to {addr} is open, and nothing is answered on it", "a firewall between may have forgotten it, or the PBX hangs: the phone connects anew; if it stays so, restart the PBX"},
		{NetLost, "the connection to {addr} has ended: {error}", "nothing: the phone connects again by itself; if it comes often, look for a firewall or load balancer that closes connections"},
		{NetUnreachable, "{addr} cannot be reached: {error}", "check the address and account.transport"},
		{NetPortTaken, "another program of this machine has {addr}", "choose another port with account.bind, or leave the port out"},
		{NetNotOurs, "this machine has no address {addr}", "give one of its own as account.bind (--bind), or leave it out"},

		{TLSExpired, "the certificate of {host} has expired on {date}", "ask who runs the PBX to renew it; check this machine's clock, which says {now}"},
		{TLSNotYet, "the certificate of {host} is valid from {date} only", "check this machine's clock, which says {now}"},
		{TLSName, "the certificate that {host} shows is for {names}", "write a name that it has as account.registrar or proxy, or ask who runs the PBX to put {host} into it"},
		{TLSUnknownCA, "the certificate of {host} is signed by {issuer}, which this machine does not trust", "name the PBX's own authority in account.ca_file; a PBX with a public one has to send the certificates between, too"},
		{TLSHandshake, "{addr} does not speak TLS as this phone does: {error}", "check the port (5061 is usual for TLS) and account.transport"},
		{TLSSoon, "the certificate of {host} expires on {date}", "ask who runs the PBX to renew it before"},
		{TLSFiles, "the phone's own TLS files cannot be used: {error}", "check account.ca_file, cert_file and key_file"},

		{AuthPassword, "the PBX refuses the password of {user}", "check account.username and the password (account.password_file, RINGBACK_PASSWORD), then start the phone again: it does not try a wrong one twice"},
		{AuthNone, "the PBX wants a password of {user}, and none is configured", "set account.password_file, or RINGBACK_PASSWORD"},
		{AuthRealm, "the PBX asks for credentials of a realm that is not the account's", "add the realm to account.realms, if the PBX is really yours"},
		{AuthAlgorithm, "the PBX offers no digest algorithm that the account allows", "allow one that it has in account.algorithms"},
		{AuthStale, "the PBX calls each of its own nonces stale", "ask who runs the PBX: the clocks of its servers may differ"},
		{AuthChallenge, "the PBX asks for credentials in a way that cannot be read", "ask who runs the PBX; a trace shows what it sends: ringback trace"},

		{SIPForbidden, "the PBX forbids {aor} to register: {code} {reason}", "check account.aor; the account may be locked, or allowed from other addresses only"},
		{SIPUnknown, "the PBX does not know {aor}: {code} {reason}", "check account.aor, and that the account is there"},
		{SIPUnavailable, "the PBX cannot serve now: {code} {reason}", "nothing: the phone tries again by itself; if it stays so, look at the PBX"},
		{SIPMoved, "the PBX sends the phone elsewhere and names no place that it may go to: {code} {reason}", "set account.registrar to where the PBX takes registrations"},
		{SIPNoRegistrar, "{addr} takes no registrations: {code} {reason}", "set account.registrar to the server that does"},
		{SIPRefused, "the PBX refuses the registration: {code} {reason}", "ask who runs the PBX; a trace shows what was sent: ringback trace"},
		{SIPForgotten, "the PBX does not have the phone's address {contact} any more", "nothing: the phone registers again by itself; if it stays so, another phone takes the account's place"},

		{NATBehind, "the PBX sees this phone at {public}, not at {own}: a network address translation stands between", "nothing while calls have sound both ways; the PBX must send media to where it comes from"},
		{NATMedia, "a network address translation stands between ({public} for {own}), and media.nat is off", "set media.nat: true"},
		{MediaPorts, "no ports can be opened for sound: {error}", "give a range that is free in media.ports"},
		{MediaUntested, "the way of the sound was not tested", "name an extension that sends sound back: ringback doctor --echo TARGET"},
		{MediaNoSound, "the call to {target} was up for {time}, and no sound came back", "let UDP from and to the ports {ports} through the firewall, and look at the PBX's settings for NAT"},
		{MediaRefused, "the call to {target} did not come up: {reason}", "give an extension that the PBX has and that sends sound back"},
		{MediaLoss, "{lost} of {packets} packets of sound were lost", "use a cable in place of Wi-Fi, and look for what loads the network"},
		{MediaServer, "a STUN or TURN server does not help: {error}", "check media.ice_servers"},
		{MediaServerAuth, "a TURN server refuses this phone: {error}", "check media.turn_username and the password (media.turn_password_file, RINGBACK_TURN_PASSWORD)"},
		{MediaServerSilent, "a STUN or TURN server cannot be reached: {error}", "check media.ice_servers; where a firewall lets no UDP through, write turn:HOST?transport=tcp or turns:HOST"},

		{AudioBuild, "this program was built without sound hardware", "build it with portaudio: install portaudio19-dev and run make"},
		{AudioNone, "this machine has no microphone or no loudspeaker", "plug a headset in"},
		{AudioAbsent, "{device} is not there: {error}", "plug it in, or take a name that ringback devices lists"},
		{AudioHangs, "{device} does not answer", "unplug it and plug it in again; restart the sound system"},
		{AudioFallback, "{device} is used, because what stands before it is not there: {error}", "plug it in, or take a name that ringback devices lists"},

		{StoreReadOnly, "{file} cannot be written", "give yourself the right to write to it and to its folder"},
		{StoreNewer, "a later version of ringback wrote {file}: schema {version}, this one knows {ours}", "update ringback, or move the file away to start anew"},
		{StoreDamaged, "{file} is damaged: {error}", "put a backup in its place (ringback store backup makes them), or move it away to start anew"},
		{StoreFull, "the disk of {file} is full", "free some space, then do it again: nothing has changed"},
		{StoreLow, "the disk of {file} has {free} left", "free some space: without any, callbacks cannot be kept"},
		{StoreSlow, "the disk of {file} does not answer in time", "do it again, a repeat does no harm; if it stays so, look at the disk, and for programs that hold the file"},
		{StoreDisk, "the disk of {file} fails: {error}", "look at the disk, at its quota and at the system's log"},

		{ControlForeign, "the control folder {folder} belongs to another user or is no folder", "remove it, or set XDG_RUNTIME_DIR to a folder of your own"},
		{ControlPath, "there is no place for the control socket: {error}", "set XDG_RUNTIME_DIR to a short folder of your own"},
		{ControlBusy, "process {pid} holds the control socket of profile {profile} and does not answer", "end it: kill {pid}; or take another --profile"},
		{AgentNone, "no agent of profile {profile} is running", "start one: ringback agent"},
		{AgentFails, "the running agent is {state}: {reason}", "see what is said above; the agent tries again by itself"},
		{AgentRefused, "the running agent has refused: {counts}", "a few are usual; many mean that somebody tries the phone: let the PBX's address only through the firewall"},
		{AgentOutbox, "{waiting} reports wait for the PBX, {failed} were given up: {reason}", "see: ringback outbox; what was given up is sent again by: ringback outbox retry"},
		{AgentQueue, "the PBX's queue does not know the state of {channel}: {reason}", "check the codes in channels.pbx"},
		{MediaGone, "no packet has come from the other end of the call for {time}", "nothing: the call stays up, and is heard again when the network is whole; hold asks the PBX whether it still has the call"},
		{CallForgotten, "the PBX does not know this call any more", "call again; it may have been restarted, or have lost the call on the way between its servers"},
		{CallSilent, "nothing has answered to this call for half a minute", "look at the network and at the PBX, then call again"},
		{CallMoved, "this machine's address has changed before the call was answered", "call again: the phone goes by its new address now"},
		{CallUnconfirmed, "the PBX never confirmed that the call was answered", "if it comes often, look for a firewall or proxy that drops what the PBX sends (ACK, PRACK)"},
		{CallUnrefreshed, "the PBX did not renew the call in the time that was agreed", "call again; if it comes often, look for a firewall that forgets connections, or a PBX that does not refresh (RFC 4028)"},
		{CallTransfer, "the PBX took the transfer to {target}, and says nothing of it any more", "ask there whether the contact came; where his call is still here, resume it"},

		{ClockOff, "this machine's clock is {off} of the PBX's", "set it: timedatectl set-ntp true; scheduled callbacks come at the wrong time until then"},
		{ClockBack, "this machine's clock was set back: the newest entry of {file} is of {date}, and it is {now}", "set the clock: timedatectl set-ntp true"},
		{ClockJumped, "this machine slept, or its clock was set", "nothing: the phone registers anew; if it did not sleep, set the clock: timedatectl set-ntp true"},
		{ClockUnknown, "the PBX does not say what time it is", "compare the clock by yourself: timedatectl"},
	}
}

// Finding is a verdict with the values of one case. It is an error, too.
type Finding struct {
	ID    ID     `json:"verdict"`
	Wrong string `json:"wrong"`
	Do    string `json:"do"`
}

// Error is what is wrong and what to do, in one sentence.
func (f Finding) Error() string { return f.Wrong + "; " + f.Do }

// Say is the verdict with the values of a case: name, value, name, value. What came
// from outside may be given as it is: control characters are taken out of it, and it
// is cut after 200 bytes.
func (id ID) Say(facts ...string) Finding {
	f := Finding{ID: id, Wrong: string(id)}
	for _, v := range All() {
		if v.ID == id {
			f.Wrong, f.Do = v.Wrong, v.Do
		}
	}
	pairs := make([]string, 0, len(facts))
	for i := 0; i+1 < len(facts); i += 2 {
		pairs = append(pairs, "{"+facts[i]+"}", clean(facts[i+1]))
	}
	fill := strings.NewReplacer(pairs...)
	f.Wrong, f.Do = strings.TrimRight(fill.Replace(f.Wrong), ": "), fill.Replace(f.Do)
	return f
}

// maxValue bounds a value that came from outside, in bytes.
const maxValue = 200

func clean(value string) string {
	if len(value) > maxValue {
		value = strings.ToValidUTF8(value[:maxValue], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return -1
		}
		return r
	}, value)
}
