package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/anchoring"
)

func newAnchorDeploy(c *cli) *cobra.Command {
	var deploy anchoring.Deploy
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Make the contract of the Ethereum anchor",
		Long: `Make the contract in which a node anchors its ledger on Ethereum, and print its
address. Its owner, who alone can anchor, is the account of the key; that cannot be
changed later. The account pays for it.

The node then runs with --anchor-ethereum, --anchor-ethereum-contract and
--anchor-ethereum-key.`,
		Example: examples("evident anchor deploy --url https://rpc.example.org --key file:owner.key"),
		Args:    arguments(0, 0, "no arguments"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, _ []string) error {
			return deploy.Run(cmd.Context(), env)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&deploy.URL, "url", "", "URL of an Ethereum node's JSON-RPC")
	f.StringVar(&deploy.Key, "key", "", "where the private key of the contract's owner is, in hexadecimal: env:NAME or file:PATH")
	f.DurationVar(&deploy.Timeout, "timeout", 5*time.Minute, "how long to wait until the contract is in a block")
	return cmd
}
