package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/node"
)

func newSchema(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of what can be declared, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of all kinds that can be declared. Editors
that know it complete and check files as they are written; a first line

  # yaml-language-server: $schema=evident.json

names it to many of them. A node serves the same at /v1/resource-schema.`,
		Example: examples("evident schema >evident.json"),
		Args:    arguments(0, 0, "no arguments"),
		RunE: c.runs(func(_ *cobra.Command, env tool.Env, _ []string) error {
			text, err := node.ResourceSchema()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.Out, "%s\n", text)
			return err
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}
