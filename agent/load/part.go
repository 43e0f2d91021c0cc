package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Part is the share of one of several generators under one test. The parts of a
// plan have nothing in common and are together all of it. The zero value is the
// whole plan.
type Part struct {
	Index int // from 0
	Of    int // how many there are; 0 counts as 1
}

// MaxParts bounds the generators under one test.
const MaxParts = 1000

// jobIndex is what Kubernetes gives each pod of an Indexed Job, from 0.
const jobIndex = "JOB_COMPLETION_INDEX"

// ParsePart reads "i/N" with i from 1 to N, or "job/N": then i is that of the
// Kubernetes Indexed Job, as getenv, which may be nil for the process' own
// environment, tells it.
func ParsePart(text string, getenv func(string) string) (Part, error) {
	if getenv == nil {
		getenv = os.Getenv
	}
	index, of, found := strings.Cut(text, "/")
	all, err := strconv.Atoi(of)
	if !found || err != nil || all < 1 || all > MaxParts {
		return Part{}, fmt.Errorf("shard %q: write i/N, as 1/4, with N up to %d, or job/N under a Kubernetes Indexed Job", text, MaxParts)
	}
	if index == "job" {
		n, err := strconv.Atoi(getenv(jobIndex))
		if err != nil || n < 0 || n >= all {
			return Part{}, fmt.Errorf("shard %q: %s is %q: it has to be 0 to %d: set completions: %d and completionMode: Indexed in the job", text, jobIndex, getenv(jobIndex), all-1, all)
		}
		return Part{n, all}, nil
	}
	n, err := strconv.Atoi(index)
	if err != nil || n < 1 || n > all {
		return Part{}, fmt.Errorf("shard %q: write 1/%d to %d/%d", text, all, all, all)
	}
	return Part{n - 1, all}, nil
}

// InJob reports whether this is a pod of a Kubernetes Indexed Job: without a shard
// each of them would make the whole plan.
func InJob() bool { return os.Getenv(jobIndex) != "" }

func (p Part) of() int { return max(1, p.Of) }

// String is i/N, from 1.
func (p Part) String() string { return fmt.Sprintf("%d/%d", p.Index+1, p.of()) }

// Slice is the part's share of n things in a row, such as users, rows of data or
// ports: those from (included) to (not included). It is empty where there are fewer
// things than parts.
func (p Part) Slice(n int) (from, to int) {
	return n * p.Index / p.of(), n * (p.Index + 1) / p.of()
}

// Nth is the part's own k-th (from 0) of things that go round between the parts,
// such as arrivals and the places of a concurrency.
func (p Part) Nth(k int) int { return k*p.of() + p.Index }

// Count is how many of n things that go round are the part's.
func (p Part) Count(n int) int {
	if n <= p.Index {
		return 0
	}
	return (n-p.Index-1)/p.of() + 1
}
