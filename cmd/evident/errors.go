package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/tool"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // it could not be done
	exitUsage = 2 // it was typed, or configured, wrongly
)

// report tells of err and returns the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(stderr, "evident: %s\n", line)
	}
	if errors.As(err, new(*tool.UsageError)) {
		return exitUsage
	}
	return exitError
}

// unknownCommand is the error about a command that cmd does not have.
func unknownCommand(cmd *cobra.Command, name string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	otherwise := fmt.Sprintf(`: "%s --help" lists them`, cmd.CommandPath())
	return tool.Usagef("unknown command %q of %s%s", name, cmd.CommandPath(), nearest.Hint(name, names, otherwise))
}

// flagError puts cobra's errors about flags into our words.
func flagError(cmd *cobra.Command, err error) error {
	// "evident topc --partitions 3": the command is what is wrong.
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
		return unknownCommand(cmd, cmd.Flags().Arg(0))
	}
	var (
		unknown *pflag.NotExistError
		wrong   *pflag.InvalidValueError
		missing *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return tool.Usagef(`unknown flag -%s of %s: "%[2]s --help" lists them`, unknown.GetSpecifiedName(), cmd.CommandPath())
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown.GetSpecifiedName())
	case errors.As(err, &wrong):
		return tool.Usagef("--%s: %q will not do: %w", wrong.GetFlag().Name, shown(wrong), wanted(wrong))
	case errors.As(err, &missing):
		return tool.Usagef("--%s has no value: write --%[1]s %s", missing.GetFlag().Name, missing.GetFlag().Value.Type())
	}
	return &tool.UsageError{Err: err}
}

func unknownFlag(cmd *cobra.Command, name string) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	otherwise := fmt.Sprintf(`: "%s --help" lists them`, cmd.CommandPath())
	return tool.Usagef("unknown flag --%s of %s%s", name, cmd.CommandPath(), nearest.Hint("--"+name, names, otherwise))
}

// shown is the value that was wrong, unless it may be a secret.
func shown(wrong *pflag.InvalidValueError) string {
	if v, ok := wrong.GetFlag().Value.(interface{ Shown(string) string }); ok {
		return v.Shown(wrong.GetValue())
	}
	return wrong.GetValue()
}

// wanted is what a flag's value should have been. Our own flags say so; for
// pflag's the type does.
func wanted(wrong *pflag.InvalidValueError) error {
	switch wrong.GetFlag().Value.Type() {
	case "int", "int16", "int32", "int64", "int32Slice":
		return errors.New("want a whole number")
	case "float64":
		return errors.New("want a number")
	case "duration":
		return errors.New(`want a time with its unit, such as "500ms" or "3s"`)
	default:
		return wrong.Unwrap()
	}
}
