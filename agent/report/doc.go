// Package report makes the files that test runs leave: pages that open without a
// network, with their drawings, and JUnit for build servers. What stands in them is
// said by agent/scenario and agent/load; how it looks and what it may hold is said
// here, once.
//
// Words: a Page is a template with the common style; a Chart is one drawing of lines
// over time; a Suite is one JUnit file with its Cases.
//
// A page has no script, no picture and nothing from a network, which its policy
// forbids too; the template escapes every text. It is light or dark as the reader's
// system is. Nothing here has a goroutine or state.
package report
