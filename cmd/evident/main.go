// Command evident is the whole product in one binary: "evident serve" is a
// node, "evident demo" shows what it is for, and the other commands are
// clients that speak the Kafka protocol with any cluster.
//
// There is one file per command, which only says what its flags are called;
// the logic is in internal/tool and what that calls.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	os.Exit(run(os.Args[1:], cli{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(),
		outIsTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errIsTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}))
}

// cli is the world outside of the commands.
type cli struct {
	in       io.Reader
	out, err io.Writer
	environ  []string

	outIsTerminal, errIsTerminal bool
}

// run runs one command line and returns its exit code.
func run(args []string, c cli) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// From the first signal on, the next one has its usual effect: it kills.
	context.AfterFunc(ctx, stop)

	root := newRoot(&c)
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	return report(c.err, root.ExecuteContext(ctx))
}
