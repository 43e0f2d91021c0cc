package scenario

import (
	"fmt"
	"strings"
	"time"

	"ringback/agent"
)

// Impairment is how badly the network treats a phone's media.
type Impairment = agent.Impairment

// maxJitter is the greatest jitter that a scenario may ask for.
const maxJitter = 2 * time.Second

func impairmentText(i Impairment) string {
	if !i.Harms() {
		return ""
	}
	var parts []string
	if i.Loss > 0 {
		parts = append(parts, fmt.Sprintf("loss %g %% in bursts of %d", 100*i.Loss, max(1, i.Burst)))
	}
	if i.Jitter > 0 {
		parts = append(parts, fmt.Sprintf("jitter up to %v", i.Jitter))
	}
	if i.Reorder > 0 {
		parts = append(parts, fmt.Sprintf("%g %% out of order", 100*i.Reorder))
	}
	if !i.In {
		parts = append(parts, "of what is sent")
	}
	if !i.Out {
		parts = append(parts, "of what comes")
	}
	return strings.Join(parts, ", ")
}
