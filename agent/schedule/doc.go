// Package schedule says when a contact may be called back: it reads what an agent
// types as a time, checks it, and spaces automatic retries. It has no clock, no
// state and no goroutine: now is always an argument.
//
// # Words
//
//   - A wall time is a date and a time of day as they stand on a clock in a zone. In
//     a spring night some do not exist (a gap), in an autumn night some exist twice
//     (an overlap). Neither is guessed: both are errors that name what to write.
//   - Hours are the calling hours of a week, in the contact's zone.
//   - Rules are what an administrator allows: hours, and how far ahead.
//   - A preset is a wish with a name, such as "in 15 min" or "tomorrow 09:00".
//
// # Files
//
// when.go reads times (RFC 3339 and what people type), hours.go the calling
// hours, rules.go the checks and presets, retry.go the spacing of retries.
//
// It depends on nothing outside the standard library.
package schedule
