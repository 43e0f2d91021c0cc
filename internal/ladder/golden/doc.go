// Package golden compares a text with a file under testdata of the module, and
// writes the file anew when the test runs with -update.
//
// Words: a golden file is what a person has read and found right; it changes
// only by -update and shows in the diff. The flag lives here once, so that every
// test that compares has it. Tests only; no goroutine.
package golden
