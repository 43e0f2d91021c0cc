package main

import (
	"context"
	"os"
)

func main() {
	ctx, stop := untilSignal(context.Background(), os.Exit)
	code := run(ctx, process(), os.Args[1:])
	stop()
	os.Exit(int(code))
}
