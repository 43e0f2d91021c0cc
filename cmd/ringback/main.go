package main

import (
	"context"
	"os"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sh := process(cancel)
	ctx, stop := untilSignal(ctx, sh.exit)
	code := run(ctx, sh, os.Args[1:])
	stop()
	os.Exit(int(code))
}
