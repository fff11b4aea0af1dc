package main

import "github.com/spf13/cobra"

func newLedger(c *cli) *cobra.Command {
	cmd := parent("ledger", "Check the ledger of a node against its records, and mend it by them")
	cmd.AddCommand(newLedgerAudit(c), newLedgerRebuild(c))
	return cmd
}
