package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// says is what a far end says: kinds of media with their shares, which are 1 together.
type says []saying

type saying struct {
	kind  string
	share float64
}

// parseSays reads a field: "echo", or "echo 50%, tone 30%, silence 20%".
func parseSays(field, text string) (says, error) {
	const remedy = "write none, echo, silence, tone or file, or shares of 100% in all, as \"echo 50%, tone 50%\""
	var all says
	sum := 0.0
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(part)
		share := 100.0
		if len(words) == 2 {
			number, percent := strings.CutSuffix(words[1], "%")
			var err error
			if share, err = strconv.ParseFloat(number, 64); err != nil || !percent || !(share >= 0 && share <= 100) {
				return nil, wrong(field, text, remedy)
			}
		}
		if len(words) < 1 || len(words) > 2 || !slices.Contains(medias(), words[0]) {
			return nil, wrong(field, text, remedy)
		}
		all = append(all, saying{words[0], share / 100})
		sum += share
	}
	if sum < 99.99 || sum > 100.01 {
		return nil, wrong(field, fmt.Sprintf("%s: %g%% in all", text, sum), remedy)
	}
	return all, nil
}

func (s says) kinds() []string {
	var all []string
	for _, one := range s {
		all = append(all, one.kind)
	}
	return all
}

// draw is what the next call hears.
func (s says) draw(rng *rand.Rand) string {
	if len(s) == 1 {
		return s[0].kind
	}
	x := rng.Float64()
	for _, one := range s {
		if x -= one.share; x < 0 {
			return one.kind
		}
	}
	return s[len(s)-1].kind
}
