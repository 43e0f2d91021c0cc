package metrics

import "strings"

// prefix is that of all metrics.
const prefix = "ringback_load_"

// row is how something counted is called outside, and what it is.
type row struct {
	name  string
	help  string
	gauge bool // it may fall
}

// counters are the names of what a result counts, by its raw name.
func counters() map[string]row {
	return map[string]row{
		"began":              {"calls_begun_total", "Calls that began.", false},
		"answered":           {"calls_answered_total", "Calls that were answered.", false},
		"failed":             {"calls_failed_total", "Calls that did not come up.", false},
		"ended":              {"calls_ended_total", "Calls that came to their end.", false},
		"active":             {"calls_up", "Calls that are up or about to be.", true},
		"dropped":            {"calls_dropped_total", "Calls that the far end ended before their time.", false},
		"silent":             {"calls_silent_total", "Calls with media that heard no packet.", false},
		"sounded":            {"calls_with_media_total", "Calls whose media was judged.", false},
		"registered":         {"users_registered", "Users that are registered.", true},
		"not_registered":     {"users_not_registered", "Users that were refused and never registered.", true},
		"refreshed":          {"registrations_refreshed_total", "Refreshes that were granted.", false},
		"registrations_lost": {"registrations_lost_total", "Registrations that held and were lost.", false},
		"went":               {"users_sent_away_total", "Users that churn sent away.", false},
		"came_back":          {"users_came_back_total", "Users that churn sent away and that were registered again.", false},
		"inbound":            {"inbound_calls_total", "Calls that came to users who answer.", false},
		"inbound_answered":   {"inbound_calls_answered_total", "Calls that came to users and were answered.", false},
		"inbound_refused":    {"inbound_calls_refused_total", "Calls that came to users and were refused, as the plan says.", false},
		"inbound_missed":     {"inbound_calls_missed_total", "Calls that came to users and whose callers gave up before the answer.", false},
		"inbound_failed":     {"inbound_calls_failed_total", "Calls that came to users, were to be answered and did not come up, or broke off.", false},
		"inbound_up":         {"inbound_calls_up", "Calls that came to users and are up or ring.", true},
		"offers":             {"offers_total", "Callbacks that were offered to agents.", false},
	}
}

// causes are the names of what is counted by a text.
func causes() map[string]row {
	return map[string]row{
		"calls":         {"call_causes_total", "Calls that failed or were dropped, by cause.", false},
		"inbound":       {"inbound_call_causes_total", "Calls that came to users and failed, by cause.", false},
		"registrations": {"registration_causes_total", "Registrations that were refused or lost, by cause.", false},
		"verbs":         {"verb_causes_total", "Agents' commands that were refused or failed, by cause.", false},
	}
}

// scale is a distribution: its name, what one of its raw units is in the metric's, and
// the bounds of its classic buckets.
type scale struct {
	row
	unit   float64
	bounds []float64
}

// seconds are the bounds of times, in seconds.
func seconds() []float64 {
	return []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60}
}

// distributions are the names of the histograms, by their raw name.
func distributions() map[string]scale {
	micros := func(name, help string) scale { return scale{row{name: name, help: help}, 1e-6, seconds()} }
	score := func(name, help string) scale {
		return scale{row{name: name, help: help}, 0.01, []float64{1.5, 2, 2.5, 3, 3.5, 3.6, 3.8, 4, 4.2, 4.3, 4.4, 4.5}}
	}
	return map[string]scale{
		"setup_us":                micros("call_setup_seconds", "From the arrival of a call to the first sign of the far end."),
		"answer_us":               micros("call_answer_seconds", "From the arrival of a call to its answer."),
		"lateness_us":             micros("lateness_seconds", "How late the generators themselves began calls."),
		"jitter_us":               micros("jitter_seconds", "Jitter of the calls with media."),
		"registration_us":         micros("registration_seconds", "From asking until registered, the challenge included."),
		"mos_hundredths":          score("mos", "Mean opinion score of narrow-band calls, 1 to 5."),
		"mos_wideband_hundredths": score("mos_wideband", "Mean opinion score of wide-band calls, on their own scale (G.107.1)."),
		"loss_ten_thousandths": {row{name: "packet_loss_ratio", help: "Share of packets that did not come, of the calls with media."}, 0.0001,
			[]float64{0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5}},
	}
}

// counterRow is the row of a counter; what the table does not know has a name by its own.
func counterRow(raw string) row {
	if r, known := counters()[raw]; known {
		return r
	}
	return row{strings.TrimSuffix(raw, "_total") + "_total", "What the run counts as " + raw + ".", false}
}

// causeRow is the row of what is counted by a text.
func causeRow(raw string) row {
	if r, known := causes()[raw]; known {
		return r
	}
	return row{raw + "_causes_total", "Causes that the run counts as " + raw + ".", false}
}

// distributionScale is that of a histogram, and the verb that it is of; what is in
// no table is told where its raw name says its unit.
func distributionScale(raw string) (s scale, verb string, known bool) {
	if s, known := distributions()[raw]; known {
		return s, "", true
	}
	name, micros := strings.CutSuffix(raw, "_us")
	if !micros {
		return scale{}, "", false
	}
	if verb, is := strings.CutPrefix(name, "verb_"); is {
		return scale{row{name: "verb_seconds", help: "An agent's verb, from the command to its outcome."}, 1e-6, seconds()}, verb, true
	}
	return scale{row{name: name + "_seconds", help: "What the run measures as " + name + "."}, 1e-6, seconds()}, "", true
}
