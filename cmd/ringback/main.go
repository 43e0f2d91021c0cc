package main

import (
	"context"
	"os"
)

func main() {
	sh := process()
	ctx, stop := untilSignal(context.Background(), sh.exit)
	code := run(ctx, sh, os.Args[1:])
	stop()
	os.Exit(int(code))
}
