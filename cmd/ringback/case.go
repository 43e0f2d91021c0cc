package main

import "strings"

// caseVerb is `ringback case`.
func caseVerb() verb {
	return verb{
		name: "case", usage: "set fields of the case data; an empty value removes one",
		words: []operand{{name: "KEY=VALUE", arg: "values", rest: true, read: readFields}},
		example: `$ ringback case i7 product=fibre order=4711
i7  connected  voicecallback  山田 太郎  +81312345678`,
	}
}

func readFields(words []string) (any, error) {
	fields := map[string]string{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || strings.TrimSpace(key) == "" {
			return nil, usageError("%q is no KEY=VALUE", word).withHint("write for example: ringback case product=fibre")
		}
		fields[key] = value
	}
	return fields, nil
}
