package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"

	"ringback/agent"
)

// maxOrder is the longest order that is read, in bytes.
const maxOrder = 64 << 10

// orderVerb is `ringback order`.
func orderVerb(sh *shell) verb {
	return verb{
		name: "order", usage: "have a web callback offered, as a SIP MESSAGE from the PBX does", plain: true, show: orderText,
		words: []operand{{name: "FILE", arg: "order", read: func(words []string) (any, error) { return readOrderFile(sh, words[0]) }}},
		example: `$ echo '{"id":"cb-9","number":"+81312345678","name":"山田 太郎"}' | ringback order -
cb-9 is here`,
	}
}

// orderText says that a callback is on this phone's list.
func orderText(result json.RawMessage) string {
	var done agent.OrderResult
	if err := json.Unmarshal(result, &done); err != nil {
		return "order: " + err.Error()
	}
	return clean(done.Callback) + " is here"
}

// readOrderFile reads the JSON object of an order: from a file, from the standard
// input for -, or the word itself where it begins like an object.
func readOrderFile(sh *shell, word string) (any, error) {
	text := []byte(word)
	var err error
	switch {
	case strings.HasPrefix(word, "{"):
	case word == "-":
		text, err = io.ReadAll(io.LimitReader(sh.in, maxOrder))
	default:
		text, err = os.ReadFile(word)
	}
	if err != nil {
		return nil, usageError("read order: %v", err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, usageError("the order is no JSON object").withHint(`write one like {"id":"cb-9","number":"+81312345678"}`)
	}
	return json.RawMessage(text), nil
}
