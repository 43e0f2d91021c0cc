package load

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/sip"
)

// What a plan may ask of one machine.
const (
	maxUsers = 100_000
	maxRate  = 50_000
	maxCalls = 50_000 // at a time
	maxTime  = 24 * time.Hour
)

// Check says which field cannot work, its value and what to write; it reads the
// thresholds.
func (p *Plan) Check() error {
	for _, check := range []func() error{p.checkAccount, p.checkUsers, p.checkSteps, p.checkCalls, p.checkChurn, p.checkAnswer, p.checkAgents, p.checkTimes} {
		if err := check(); err != nil {
			return err
		}
	}
	var err error
	if p.thresholds, err = parseThresholds("thresholds", p.Thresholds); err != nil {
		return err
	}
	p.abortOn, err = parseThresholds("abort_on", p.AbortOn)
	return err
}

func (p *Plan) checkAccount() error {
	a := p.Account
	if a.Registrar == "" {
		return wrong("account.registrar", `""`, "write the PBX, as sip:pbx.example.com")
	}
	for field, uri := range map[string]string{"account.registrar": a.Registrar, "account.proxy": a.Proxy} {
		if _, err := sip.ParseURI(uri); uri != "" && err != nil {
			return wrong(field, uri, "write a SIP URI, as sip:pbx.example.com")
		}
	}
	if !slices.Contains([]string{"udp", "tcp", "tls", "ws", "wss"}, a.Transport) {
		return wrong("account.transport", a.Transport, "write udp, tcp, tls, ws or wss")
	}
	if a.WSPath != "" && !strings.HasPrefix(a.WSPath, "/") {
		return wrong("account.ws_path", a.WSPath, "write a path, as /ws")
	}
	if len(a.Sources) > 0 && a.Bind != "" {
		return wrong("account.sources", a.Sources, "write sources or bind, not both")
	}
	for _, source := range a.Sources {
		if host, _, _, ok := parseSource(source); net.ParseIP(host) == nil || !ok {
			return wrong("account.sources", source, "write addresses of this machine, as 192.0.2.10, 192.0.2.10:5080 or 192.0.2.10:20000-20999")
		}
	}
	if _, _, _, ok := parseSource(a.Bind); !ok {
		return wrong("account.bind", a.Bind, "write an address of this machine, as 192.0.2.10 or 192.0.2.10:5080")
	}
	return nil
}

func (p *Plan) checkUsers() error {
	u := p.Users
	switch {
	case u.File != "" && (u.First != 0 || u.PasswordFile != ""):
		return wrong("users.file", u.File, "write a file, or first and count, not both")
	case u.File == "" && u.First <= 0:
		return wrong("users.first", u.First, "write the first user's number, as 2001, or a file")
	case u.File == "" && (u.Count < 1 || u.Count > maxUsers):
		return wrong("users.count", u.Count, fmt.Sprintf("write 1 to %d", maxUsers))
	}
	return nil
}

func (p *Plan) checkCalls() error {
	c := p.Calls
	calls := c.PeakRate() > 0 || c.PeakConcurrency() > 0
	if !calls && c.Rate == 0 && c.Concurrency == 0 && !p.Register && p.Agents == nil {
		return wrong("calls", "nothing to do", "write a rate, a concurrency, steps, agents, or register: true")
	}
	if c.Rate != 0 && c.Concurrency != 0 {
		return wrong("calls.concurrency", c.Concurrency, "write a rate or a concurrency, not both")
	}
	if c.Rate < 0 || c.Rate > maxRate {
		return wrong("calls.rate", c.Rate, fmt.Sprintf("write calls a second, up to %d", maxRate))
	}
	if c.Concurrency < 0 || c.Concurrency > maxCalls {
		return wrong("calls.concurrency", c.Concurrency, fmt.Sprintf("write 1 to %d", maxCalls))
	}
	if c.Most < 0 {
		return wrong("calls.most", c.Most, "write how many calls in all, or 0")
	}
	if calls && len(c.To) == 0 {
		return wrong("calls.to", "[]", "write who is called, as [sip:601@pbx.example.com]")
	}
	for _, to := range c.To {
		if _, err := sip.ParseURI(variable.ReplaceAllString(to, "1")); err != nil {
			return wrong("calls.to", to, "write SIP URIs, as sip:601@pbx.example.com")
		}
	}
	for name := range c.Headers {
		if strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~") != "" || name == "" {
			return wrong("calls.headers", name, "write the name of a SIP header, as X-Campaign")
		}
	}
	if !slices.Contains(medias(), c.Media) {
		return wrong("calls.media", c.Media, "write none, silence, tone, echo or file")
	}
	if err := checkPtime("calls.", c.Ptime); err != nil {
		return err
	}
	return checkSound("calls.", c.Codecs, []string{c.Media}, c.File, c.Encryption)
}

func (p *Plan) checkChurn() error {
	c := p.Churn
	switch {
	case !(c.Rate >= 0 && c.Rate <= maxRate):
		return wrong("churn.rate", c.Rate, fmt.Sprintf("write users a second, up to %d", maxRate))
	case c.Rate > 0 && (!p.Register || p.Agents != nil):
		return wrong("churn.rate", c.Rate, "write register: true, and no agents: only users that register can go and come back")
	}
	return checkSpreads([]spreadField{{"churn.away", c.Away}})
}

func (p *Plan) checkTimes() error {
	c := p.Calls
	for _, t := range []struct {
		field    string
		v, least time.Duration
	}{{"calls.for", c.For, time.Millisecond}, {"calls.ramp", c.Ramp, 0}, {"calls.talk.mean", c.Talk.Mean, 0}, {"calls.think.mean", c.Think.Mean, 0},
		{"calls.ring", c.Ring, time.Second}, {"lateness", p.Lateness, time.Millisecond}, {"account.expires", p.Account.Expires, 10 * time.Second}} {
		if t.v < t.least || t.v > maxTime {
			return wrong(t.field, t.v, fmt.Sprintf("write %v to %v", t.least, maxTime))
		}
	}
	if c.Ramp > c.For {
		return wrong("calls.ramp", c.Ramp, "write at most calls.for, which it is a part of")
	}
	return checkSpreads([]spreadField{{"calls.talk", c.Talk}, {"calls.think", c.Think}})
}

// user is who calls.
type user struct {
	name     string
	password sip.Secret
	row      vars // of a file that names its columns, without the password
}

// users reads who calls. Passwords are not repeated in errors.
func (p *Plan) users() ([]user, error) {
	if p.Users.File != "" {
		return readUsers(p.Users.File)
	}
	var password sip.Secret
	if p.Users.PasswordFile != "" {
		text, err := os.ReadFile(p.Users.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("users.password_file: %w", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		password = sip.Secret(strings.TrimSpace(line))
	}
	all := make([]user, p.Users.Count)
	for i := range all {
		all[i] = user{name: strconv.Itoa(p.Users.First + i), password: password}
		all[i].row = vars{"user": all[i].name}
	}
	return all, nil
}

func readUsers(path string) ([]user, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("users.file: %w", err)
	}
	defer f.Close()
	var all []user
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if len(all) == 0 && (text == "user" || strings.HasPrefix(text, "user,")) {
			return userTable(path)
		}
		name, password, _ := strings.Cut(text, ",")
		if name = strings.TrimSpace(name); name == "" || strings.ContainsAny(name, " \t@<>\"") {
			return nil, fmt.Errorf("users.file %s, line %d: no user: write user,password", path, n)
		}
		if all = append(all, user{name, sip.Secret(strings.TrimSpace(password)), vars{"user": name}}); len(all) > maxUsers {
			return nil, fmt.Errorf("users.file %s: more than %d users", path, maxUsers)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("users.file %s: %w", path, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("users.file %s: holds nobody: write user,password, one a line", path)
	}
	return all, nil
}

// userTable reads a file of users that names its columns: user, password and any others.
func userTable(path string) ([]user, error) {
	_, rows, err := readTable("users.file", path)
	if err != nil {
		return nil, err
	}
	if len(rows) > maxUsers {
		return nil, fmt.Errorf("users.file %s: more than %d users", path, maxUsers)
	}
	all := make([]user, 0, len(rows))
	for i, row := range rows {
		name, password := row["user"], row["password"]
		if name == "" || strings.ContainsAny(name, " \t@<>\"") {
			return nil, fmt.Errorf("users.file %s, row %d: no user: write one in the column user", path, i+1)
		}
		delete(row, "password") // no text may ask for it
		all = append(all, user{name, sip.Secret(password), row})
	}
	return all, nil
}

// data reads the rows of calls.data, and looks whether the texts that ask for columns
// find them there or in the users'.
func (p *Plan) data(users []user) ([]vars, error) {
	known := vars{}
	for _, u := range users[:1] {
		known = u.row
	}
	var rows []vars
	if p.Calls.Data != "" {
		var err error
		if _, rows, err = readTable("calls.data", p.Calls.Data); err != nil {
			return nil, err
		}
	}
	texts := slices.Clone(p.Calls.To)
	for _, value := range p.Calls.Headers {
		texts = append(texts, value)
	}
	for _, text := range texts {
		for _, name := range variables(text) {
			_, ofUser := known[name]
			ofRow := false
			if len(rows) > 0 {
				_, ofRow = rows[0][name]
			}
			if !ofUser && !ofRow {
				return nil, wrong("calls", "{"+name+"} in "+text, "write a column of calls.data or of users.file, or the name user")
			}
		}
	}
	return rows, nil
}
