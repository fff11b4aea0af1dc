package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
)

func newTopic(c *cli) *cobra.Command {
	cmd := parent("topic", "Create, list, describe, alter, trim and delete topics")
	cmd.Aliases = []string{"topics"}
	config.ClientFlags(cmd.PersistentFlags())
	outputFlag(cmd)
	cmd.AddCommand(newTopicCreate(c), newTopicList(c), newTopicDescribe(c), newTopicAlter(c), newTopicTrim(c), newTopicDelete(c))
	return cmd
}
