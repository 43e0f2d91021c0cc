package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// dialVerb is `ringback dial`.
func dialVerb() verb {
	return verb{
		name: "dial", usage: "make a plain call, an interaction of its own", fresh: true, newCall: true, schema: "ringback.call/1",
		words: []operand{{name: "TARGET", arg: "target"}},
		flags: []argFlag{
			headerFlag(),
			stringFlag("uui", "uui", "User-to-User `DATA`"),
			durationFlag("auto-hangup", "auto_hangup", "end the call after this `DURATION`"),
		},
		example: `$ ringback dial 601 --wait connected
i8  connected  call  601`,
	}
}

func headerFlag() argFlag {
	return argFlag{&cli.StringSliceFlag{Name: "header", Usage: "a SIP header of the INVITE, as `NAME:VALUE`; may be repeated"}, "headers",
		func(c *cli.Context, name string) (any, error) {
			headers := []map[string]string{}
			for _, text := range c.StringSlice(name) {
				key, value, ok := strings.Cut(text, ":")
				key, value = strings.TrimSpace(key), strings.TrimSpace(value)
				if !ok || key == "" || value == "" {
					return nil, usageError("flag --header %q: it is NAME:VALUE, such as X-Case:4711", text)
				}
				headers = append(headers, map[string]string{"name": key, "value": value})
			}
			return headers, nil
		}}
}
