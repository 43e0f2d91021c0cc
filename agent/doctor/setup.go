package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"

	"ringback/agent/verdict"
)

// configuration looks whether the configuration can be used at all.
func (e *exam) configuration() bool {
	err := e.ConfigErr
	if err == nil {
		err = e.Config.Validate()
	}
	if err == nil {
		e.account, err = e.Config.SIPAccount()
	}
	if err != nil {
		return e.tell("configuration", Wrong, verdict.ConfigWrong.Say("error", strings.ReplaceAll(err.Error(), "read configuration: ", "")))
	}
	e.to = e.account.AOR
	if e.account.Registrar.Host != "" {
		e.to = e.account.Registrar
	}
	if e.account.Proxy != nil {
		e.to = *e.account.Proxy
	}
	e.to.User, e.to.Password = "", ""
	from := e.ConfigFrom
	if from == "" {
		from = "flags and environment"
	}
	if file := e.Config.Account.PasswordFile; file != "" && runtime.GOOS != "windows" {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
			e.tell("configuration", Warning, verdict.ConfigOpen.Say("file", file))
		}
	}
	if f, wrong := e.bindable(); wrong {
		return e.tell("configuration", Wrong, f)
	}
	return e.ok("configuration", "%s of %s", e.account.AOR.String(), from)
}

// bindable looks whether the address that the configuration names is ours and free.
// An agent that runs has it, which is as it should be.
func (e *exam) bindable() (verdict.Finding, bool) {
	bind := e.Config.Account.Bind
	if bind == "" {
		return verdict.Finding{}, false
	}
	if _, _, err := net.SplitHostPort(bind); err != nil || e.desk != nil {
		bind = e.bindHost()
	}
	at := verdict.Case{Addr: bind}
	udp, err := net.ListenPacket("udp", bind)
	if err == nil {
		udp.Close()
		var tcp net.Listener
		if tcp, err = net.Listen("tcp", bind); err == nil {
			tcp.Close()
			return verdict.Finding{}, false
		}
	}
	return e.failed(err, at), true
}

// bindHost is the configured address with any port.
func (e *exam) bindHost() string {
	bind := e.Config.Account.Bind
	host, _, err := net.SplitHostPort(bind)
	if err != nil {
		host = strings.Trim(bind, "[]")
	}
	return net.JoinHostPort(host, "0")
}

// localAddr is our own address towards a server.
func (e *exam) localAddr() (netip.Addr, error) {
	if e.Config.Account.Bind != "" {
		if at, err := netip.ParseAddrPort(e.bindHost()); err == nil && !at.Addr().IsUnspecified() {
			return at.Addr(), nil
		}
	}
	conn, err := net.Dial("udp", e.targets[0].Addr.String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find the way: %w", err)
	}
	defer conn.Close()
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return at.Addr().Unmap(), err
}
