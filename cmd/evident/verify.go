package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/evidence"
)

func newVerify(c *cli) *cobra.Command {
	var verify evidence.Verify
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a proof file, without a node or a network",
		Long: `Check a proof file, without a node or a network, and say in plain words what it
proves and what it does not. "-" is standard input.

The exit code is 0 if everything in the file holds, and 1 if anything does not.
Trust comes from you: the log's verifier keys (--vkey), or a policy with the
logs and witnesses that you trust (--policy, C2SP tlog-policy). Get keys from
the log's owner, not from whoever gave you the file.

Receipts of anchors are checked against blocks that you bring (--bitcoin-header,
--ethereum-block): get them from a node of the chain, or from several places that
do not know of each other. A receipt whose block you do not bring is no error, and
the command says which one it needs.`,
		Example: examples(
			"evident verify order.proof --vkey keys.txt",
			"evident verify order.proof --policy policy.txt -o json",
			"evident verify order.proof --vkey keys.txt --bitcoin-header headers.txt",
		),
		Args: arguments(1, 1, "the name of a proof file"),
		RunE: c.runs(func(_ *cobra.Command, env tool.Env, args []string) error {
			return verify.Run(env, args[0])
		}),
	}
	f := cmd.Flags()
	f.StringArrayVar(&verify.Keys, "vkey", nil, "verifier key of the root log, or a file with one on each line; may be repeated, and each must have signed")
	f.StringVar(&verify.Policy, "policy", "", "file with a policy: logs, witnesses and how many of them are needed")
	f.StringArrayVar(&verify.BitcoinHeaders, "bitcoin-header", nil, "header of a Bitcoin block, as HEIGHT:HEX, or a file with one on each line: receipts of OpenTimestamps are checked against it; may be repeated")
	f.StringArrayVar(&verify.EthereumBlocks, "ethereum-block", nil, "hash of an Ethereum block that receipts are checked against; may be repeated")
	f.StringVar(&verify.EthereumContract, "ethereum-contract", "", "the contract in which the log must have been anchored (default: any)")
	outputFlag(cmd)
	return cmd
}
