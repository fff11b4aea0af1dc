package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool"
)

// newRoot makes the tree of commands.
func newRoot(c *cli) *cobra.Command {
	root := parent("evident", "An event log that speaks the Kafka protocol, in one binary")
	root.Long = `Evident is a durable event log in one binary. Every Kafka client is a client.

  evident demo     see a real order system run on it
  evident serve    run a node

All other commands are clients; --brokers (EVIDENT_BROKERS) says of which node.`
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newServe(c), newDemo(c),
		newApply(c), newGet(c), newDescribe(c), newDelete(c), newHistory(c), newEdit(c), newSchema(c), newProcessor(c),
		newTopic(c), newGroup(c), newQuota(c), newCluster(c), newUser(c), newProduce(c), newConsume(c), newFind(c), newProve(c), newVerify(c), newErase(c), newAnchor(c), newWitness(c), newMonitor(c), newLedger(c), newBench(c),
		newVersion(c),
	)
	return root
}

// parent makes a command that only has commands below it.
func parent(use, short string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
}

// arguments checks how many arguments there are: at least least, and at most
// most unless that is negative. what names them in the error.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return tool.Usagef("%s needs %s: see \"%[1]s --help\"", cmd.CommandPath(), what)
		case most >= 0 && len(args) > most:
			return tool.Usagef("%s takes %s, and %q is too much", cmd.CommandPath(), what, args[most])
		}
		return nil
	}
}

// outputFlag adds -o to cmd and the commands below it.
func outputFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringP("output", "o", "text", "text or json")
}

// yamlOutput marks -o of commands that write YAML, too.
const yamlOutput = "yaml"

// env is what cmd runs with: the streams, and the settings of a client if cmd
// has their flags.
func (c *cli) env(cmd *cobra.Command) (tool.Env, error) {
	e := tool.Env{
		In: c.in, Out: c.out, Err: c.err,
		Progress: c.errIsTerminal, Quiet: !c.outIsTerminal, AskPassword: c.askPassword,
	}
	if f := cmd.Flags().Lookup("output"); f != nil {
		switch v := f.Value.String(); {
		case v == "json":
			e.JSON = true
		case v == "text", v == yamlOutput && f.Annotations[yamlOutput] != nil:
		default:
			return e, tool.Usagef("--output %q is none: write %s", f.Value, f.Usage)
		}
	}
	if cmd.Flags().Lookup("brokers") == nil {
		return e, nil
	}
	var err error
	if e.Cluster, err = config.LoadClient(cmd.Flags(), c.environ); err != nil {
		return e, &tool.UsageError{Err: err}
	}
	return e, nil
}

// runs makes cmd call f with what it runs with.
func (c *cli) runs(f func(*cobra.Command, tool.Env, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		env, err := c.env(cmd)
		if err != nil {
			return err
		}
		return f(cmd, env, args)
	}
}

// completes makes shells complete the first most arguments, or all of them if
// that is negative, with names.
func (c *cli) completes(most int, names func(*cobra.Command, tool.Env) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		env, err := c.env(cmd)
		if err != nil || most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(cmd, env), cobra.ShellCompDirectiveNoFileComp
	}
}

// completesFirst makes shells complete the first argument with names and the
// others with files.
func (c *cli) completesFirst(names func(*cobra.Command, tool.Env) []string) cobra.CompletionFunc {
	first := c.completes(1, names)
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return first(cmd, args, begun)
	}
}

func topicNames(cmd *cobra.Command, env tool.Env) []string {
	return tool.TopicNames(cmd.Context(), env)
}

func userNames(cmd *cobra.Command, env tool.Env) []string {
	return tool.UserNames(cmd.Context(), env)
}

func groupNames(cmd *cobra.Command, env tool.Env) []string {
	return tool.GroupNames(cmd.Context(), env)
}

// examples puts the lines of an example under one another, as cobra shows them.
func examples(lines ...string) string {
	text := ""
	for i, line := range lines {
		if i > 0 {
			text += "\n"
		}
		text += fmt.Sprintf("  %s", line)
	}
	return text
}
