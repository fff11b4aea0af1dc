package main

import "github.com/spf13/cobra"

func newLedger(c *cli) *cobra.Command {
	cmd := parent("ledger", "Check the ledger of a node against its records")
	cmd.AddCommand(newLedgerAudit(c))
	return cmd
}
