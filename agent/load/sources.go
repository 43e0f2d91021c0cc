package load

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// source is where a user agent listens, and calls from. Port 0 is any, which several may have.
type source struct {
	host string
	port int
}

func (s source) String() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// parseSource reads ADDRESS, ADDRESS:PORT or ADDRESS:FROM-TO: it is an address with the
// ports from (included) to (included), both 0 for any.
func parseSource(text string) (host string, from, to int, ok bool) {
	host, ports, err := net.SplitHostPort(text)
	if err != nil {
		return strings.Trim(text, "[]"), 0, 0, true
	}
	first, last, several := strings.Cut(ports, "-")
	if !several {
		last = first
	}
	begin, err := strconv.ParseUint(first, 10, 16)
	end, bad := strconv.ParseUint(last, 10, 16)
	return host, int(begin), int(end), err == nil && bad == nil && begin <= end && (begin > 0 || !several)
}

// sources are those of a generator, in the plan's order.
type sources struct {
	all []source
	any []source // those without a port, which user agents may share
}

// sourcesOf are a part's of what a plan names. Each port is of one part;
// addresses alone are divided where there are enough of them, else they are of all.
func sourcesOf(texts []string, part Part) (sources, error) {
	var all []source
	ported := false
	for _, text := range texts {
		host, from, to, _ := parseSource(text) // was looked at
		for port := from; port <= to; port++ {
			all = append(all, source{host, port})
			ported = ported || port > 0
		}
	}
	if from, to := part.Slice(len(all)); len(all) >= part.of() {
		all = all[from:to]
	} else if ported {
		return sources{}, fmt.Errorf("account.sources: %d ports are too few for %d generators: each needs one", len(all), part.of())
	}
	s := sources{all: all}
	for _, one := range all {
		if one.port == 0 {
			s.any = append(s.any, one)
		}
	}
	return s, nil
}

// nth is that of the n-th user agent; false: all ports are taken.
func (s sources) nth(n int) (source, bool) {
	if n < len(s.all) {
		return s.all[n], true
	}
	if len(s.any) == 0 {
		return source{}, false
	}
	return s.any[n%len(s.any)], true
}

// loops is how many there can be, of those that are wanted: each needs a source.
func (s sources) loops(wanted int) int {
	if len(s.any) == 0 {
		return min(wanted, len(s.all))
	}
	return wanted
}

// dealt are the sources of one of several loops: all that there are go round, no more
// than the loop has users.
func (s sources) dealt(loop, loops, users int) []source {
	var mine []source
	for n := loop; len(mine) < users && (n < len(s.all) || len(mine) == 0); n += loops {
		p, _ := s.nth(n)
		mine = append(mine, p)
	}
	return mine
}
