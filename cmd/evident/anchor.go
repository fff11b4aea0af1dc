package main

import "github.com/spf13/cobra"

func newAnchor(c *cli) *cobra.Command {
	cmd := parent("anchor", "Prepare anchors of the ledger")
	cmd.AddCommand(newAnchorDeploy(c))
	outputFlag(cmd)
	return cmd
}
