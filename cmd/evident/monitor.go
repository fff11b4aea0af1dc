package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/ledger/monitor"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/evidence"
)

func newMonitor(c *cli) *cobra.Command {
	var m evidence.Monitor
	cmd := &cobra.Command{
		Use:   "monitor URL",
		Short: "Follow the ledger of a node, and raise an alarm when it is rewritten",
		Long: `Follow the ledger of a node that somebody else runs: its root log, and the trees
of all partitions. URL is where the node's HTTP is. No record is read.

What was signed once must stay: the command ends with exit code 1 on a fork, on
a log or a tree that was set back, that contradicts what was signed of it, or
that breaks the rules of the root log, and when the log has given no sign of life
for --stalled-after. Each alarm is one CloudEvent, a line of JSON on standard
output, and is sent to --alarm-url and --alarm-topic. The end of a tree's
generation (a topic was deleted, or cut back) is told in the same way, and does
not end the command. Evidence that anybody can check is kept in the state folder.

Without --vkey and --policy the keys that the node shows first are believed, and
kept in the state folder with all that was seen: keep that folder.`,
		Example: examples(
			"evident monitor https://events.example.com --vkey keys.txt --state /var/lib/evident-monitor",
			"evident monitor https://events.example.com --once",
			"evident monitor https://events.example.com --policy policy.txt --alarm-url https://alarms.example.org/ --listen 127.0.0.1:9110",
			"evident monitor https://log.example.net/2026 --root-only --vkey log.vkey",
		),
		Args: arguments(1, 1, "the URL of a node's HTTP"),
		RunE: c.runs(func(cmd *cobra.Command, env tool.Env, args []string) error {
			return m.Run(cmd.Context(), env, args[0])
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringArrayVar(&m.Keys, "vkey", nil, "verifier key of the root log, or a file with one on each line; may be repeated, and each must have signed")
	f.StringVar(&m.Policy, "policy", "", "file with a policy: each checkpoint must be cosigned as it says")
	f.StringVar(&m.State, "state", "evident-monitor", "folder of what was seen, and of evidence")
	f.DurationVar(&m.Interval, "interval", monitor.DefaultInterval, "time between two looks at the log")
	f.DurationVar(&m.StalledAfter, "stalled-after", monitor.DefaultStalledAfter, "how long the log may give no sign of life")
	f.BoolVar(&m.Growing, "growing", false, "only growth is a sign of life")
	f.BoolVar(&m.Once, "once", false, "look once, and end")
	f.BoolVar(&m.FromNow, "from-now", false, "when the monitor is new, leave out what the root log has already")
	f.BoolVar(&m.RootOnly, "root-only", false, "URL is that of any tiled log (C2SP tlog-tiles), and only its own history is followed")
	f.StringVar(&m.AlarmURL, "alarm-url", "", "URL that alarms are posted to, as CloudEvents")
	f.StringVar(&m.AlarmTopic, "alarm-topic", "", "topic that alarms are produced to, on the cluster of --brokers")
	f.StringVar(&m.Listen, "listen", "", "address to serve Prometheus metrics on")
	config.ClientFlags(f)
	return cmd
}
