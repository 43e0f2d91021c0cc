package load

import (
	"bytes"
	_ "embed"
)

//go:embed plan.schema.json
var publishedSchema []byte

// JSONSchema is the published JSON schema of a load plan. A test makes it from Plan and
// its comments, and holds the published file against it.
func JSONSchema() []byte { return bytes.Clone(publishedSchema) }
