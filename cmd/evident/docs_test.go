package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// leaves calls f with every command that does something.
func leaves(cmd *cobra.Command, f func(*cobra.Command)) {
	if !cmd.HasSubCommands() && !cmd.Hidden {
		f(cmd)
	}
	for _, sub := range cmd.Commands() {
		leaves(sub, f)
	}
}

func TestEveryCommandHasAnExampleOfItself(t *testing.T) {
	leaves(newRoot(&cli{}), func(cmd *cobra.Command) {
		if !strings.Contains(cmd.Example, "evident"+strings.TrimPrefix(cmd.CommandPath(), "evident")) {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	})
}

func TestExamplesUseFlagsThatExist(t *testing.T) {
	leaves(newRoot(&cli{}), func(cmd *cobra.Command) {
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			line, _, _ = strings.Cut(line, "|") // the rest is another command's
			for _, word := range strings.Fields(line) {
				name, isFlag := strings.CutPrefix(word, "--")
				if isFlag && cmd.Flag(name) == nil {
					t.Errorf("%s: the example %q has no such flag --%s", cmd.CommandPath(), line, name)
				}
			}
		}
	})
}

func TestDocumentationNamesEveryCommandAndSetting(t *testing.T) {
	content, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	leaves(newRoot(&cli{}), func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		if !strings.Contains(string(content), path) && !strings.Contains(string(content), "`"+strings.TrimPrefix(path, "evident ")) {
			t.Errorf("docs/cli.md does not name %q", path)
		}
		if cmd.Name() != "serve" {
			return
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(string(content), "`"+f.Name+"`") && !strings.Contains(string(content), "`--"+f.Name+"`") {
				t.Errorf("docs/cli.md does not name the setting %q", f.Name)
			}
		})
	})
}

// The file that editors read is what the command prints.
func TestTheShippedSchemaIsCurrent(t *testing.T) {
	want, err := os.ReadFile("../../docs/schema/evident.json")
	if err != nil {
		t.Fatal(err)
	}
	var got, errs strings.Builder
	if code := run([]string{"schema"}, cli{out: &got, err: &errs}); code != exitOK || got.String() != string(want) {
		t.Errorf("exit code %d %s: make it anew with \"evident schema >docs/schema/evident.json\"", code, &errs)
	}
}
