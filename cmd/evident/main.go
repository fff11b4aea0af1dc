// Command evident is the whole product in one binary: "evident serve" is a
// node, "evident demo" shows what it is for, and the other commands are
// clients that speak the Kafka protocol with any cluster.
//
// There is one file per command, which only says what its flags are called;
// the logic is in internal/tool and what that calls.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	c := cli{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(),
		outIsTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errIsTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		c.askPassword = askPassword
	}
	os.Exit(run(os.Args[1:], c))
}

// askPassword asks whoever sits at the terminal, without showing what is typed.
func askPassword(prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	defer fmt.Fprintln(os.Stderr)
	password, err := term.ReadPassword(int(os.Stdin.Fd()))
	return string(password), err
}

// cli is the world outside of the commands.
type cli struct {
	in       io.Reader
	out, err io.Writer
	environ  []string

	outIsTerminal, errIsTerminal bool
	askPassword                  func(prompt string) (string, error) // nil: in is no terminal
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
