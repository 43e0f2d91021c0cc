package device

import (
	"fmt"
	"strings"
)

// candidate is one device of the sound system, as far as its name goes.
type candidate struct {
	name, api string
	inputs    int
	outputs   int
	primary   bool // of the default host API
}

// match returns the device that a name means among those that have the wanted
// direction. The whole name goes before a part of it, the default host API before
// others; case does not count. Two that fit equally well are an error.
func match(found []candidate, name string, input bool) (int, error) {
	want := strings.ToLower(name)
	best, rank, second := -1, 0, -1
	var names []string
	for i, c := range found {
		if input && c.inputs == 0 || !input && c.outputs == 0 {
			continue
		}
		names = append(names, c.name)
		r := c.fits(want)
		switch {
		case r == 0:
		case r > rank:
			best, rank, second = i, r, -1
		case r == rank:
			second = i
		}
	}
	direction := "loudspeaker"
	if input {
		direction = "microphone"
	}
	switch {
	case best < 0 && len(names) == 0:
		return 0, fmt.Errorf("no %s called %q, and no other: plug one in", direction, name)
	case best < 0:
		return 0, fmt.Errorf("no %s called %q: there are %s", direction, name, strings.Join(names, ", "))
	case second >= 0 && !strings.EqualFold(found[best].name, found[second].name):
		return 0, fmt.Errorf("%q may be the %s %q or %q: write more of its name", name, direction, found[best].name, found[second].name)
	}
	return best, nil
}

// fits ranks how well a device answers to a name in lower case; 0: not at all.
func (c candidate) fits(want string) int {
	name, full := strings.ToLower(c.name), strings.ToLower(c.api+"/"+c.name)
	rank := 0
	switch {
	case want == full:
		return 5
	case want == name:
		rank = 3
	case strings.Contains(name, want):
		rank = 1
	case strings.HasPrefix(want, strings.ToLower(c.api)+"/") && strings.Contains(name, want[len(c.api)+1:]):
		rank = 1
	default:
		return 0
	}
	if c.primary {
		rank++
	}
	return rank
}

// stableName is how a device is written in a preference list: with its host API
// where another one has a device of the same name.
func stableName(found []candidate, i int) string {
	for j, c := range found {
		if j != i && c.name == found[i].name && c.api != found[i].api {
			return "portaudio:" + found[i].api + "/" + found[i].name
		}
	}
	return "portaudio:" + found[i].name
}

// fits says that a name means one of those found, each way that is wanted.
func fits(found []candidate, name string, io IO) bool {
	for _, way := range []struct{ wanted, input bool }{{io.Capture != nil, true}, {io.Playback != nil, false}} {
		if !way.wanted {
			continue
		}
		if _, err := match(found, name, way.input); err != nil {
			return false
		}
	}
	return true
}

// listed says the same of a list for people.
func listed(list []Info, name string, io IO) bool {
	found := make([]candidate, 0, len(list))
	for _, i := range list {
		bare := strings.TrimPrefix(strings.TrimPrefix(i.Name, "portaudio:"), i.HostAPI+"/")
		found = append(found, candidate{name: bare, api: i.HostAPI, inputs: i.Inputs, outputs: i.Outputs})
	}
	return fits(found, name, io)
}
