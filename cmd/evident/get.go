package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/declare"
)

func newGet(c *cli) *cobra.Command {
	var get declare.Get
	cmd := &cobra.Command{
		Use:   "get [KIND [NAME]]",
		Short: "Show what is declared",
		Long: `Show what is declared: everything, all of a kind, or one resource. With -o yaml it
is printed as it can be applied again.`,
		Example: examples(
			"evident get",
			"evident get Topic -l team=shop",
			"evident get Topic orders -o yaml",
		),
		Args: arguments(0, 2, "KIND and NAME"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			get.YAML = cmd.Flag("output").Value.String() == yamlOutput
			return get.Run(cmd.Context(), env, args)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringSliceVarP(&get.Labels, "label", "l", nil, "only what has this label, NAME or NAME=VALUE; several with commas between them")
	serverFlags(cmd, &get.Server, false)
	f.StringP("output", "o", "text", "text, json or yaml")
	f.Lookup("output").Annotations = map[string][]string{yamlOutput: {}}
	return cmd
}
