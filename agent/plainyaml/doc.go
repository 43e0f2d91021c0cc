// Package plainyaml finds in a YAML document what our files have no use for: tags,
// anchors, aliases and merge keys. They let a short file grow without bound, and the
// library panics on some. The configuration, scenarios and load plans refuse them.
//
// No goroutines, no state. Outside: goccy/go-yaml, whose nodes it walks.
package plainyaml
