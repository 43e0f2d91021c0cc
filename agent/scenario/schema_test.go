package scenario

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the published schema anew")

func TestSchema_IsThatOfTheCode(t *testing.T) {
	want, err := schemaOf()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("scenario.schema.json", want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(JSONSchema(), want) {
		t.Error("scenario.schema.json is not what the tables say: go test ./agent/scenario -run TestSchema -update")
	}
}
