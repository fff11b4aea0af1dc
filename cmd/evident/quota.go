package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool/quota"
)

func newQuota(c *cli) *cobra.Command {
	cmd := parent("quota", "List, set and delete limits of what clients may use")
	cmd.Aliases = []string{"quotas"}
	cmd.Long = `Limits of what clients may use. Who is over a limit has to wait.

A limit is for a user, a client id, or both; --default stands for all that have
no limit by name. The most specific one that there is applies.

Limits:
  producer_byte_rate        bytes a second that are produced
  consumer_byte_rate        bytes a second that are consumed
  request_percentage        time of one processor
  controller_mutation_rate  partitions a second that are made or deleted

--user and --password-file are who runs the command, not whom it is about.`
	config.ClientFlags(cmd.PersistentFlags())
	outputFlag(cmd)
	cmd.AddCommand(newQuotaList(c), newQuotaSet(c), newQuotaDelete(c))
	return cmd
}

// entityFlags are the flags that say whose limits are meant.
func entityFlags(f *pflag.FlagSet, e *quota.Entity) {
	f.StringArrayVar(&e.Names, "name", nil, "whose, as user=NAME or client-id=NAME; may be repeated")
	f.StringSliceVar(&e.Defaults, "default", nil, "user or client-id: all that have no limit by name; may be repeated")
}
