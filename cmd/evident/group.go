package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
)

func newGroup(c *cli) *cobra.Command {
	cmd := parent("group", "List, describe, reset and delete consumer groups and share groups")
	cmd.Aliases = []string{"groups"}
	config.ClientFlags(cmd.PersistentFlags())
	outputFlag(cmd)
	cmd.AddCommand(newGroupList(c), newGroupDescribe(c), newGroupReset(c), newGroupDelete(c))
	return cmd
}
