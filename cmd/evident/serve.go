package main

import (
	"github.com/spf13/cobra"

	"github.com/evidentlog/evident/internal/config"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/serve"
)

func newServe(c *cli) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a node",
		Long: `Run a node until SIGINT or SIGTERM, which let it finish; a second one kills it.

Every flag is also an environment variable and a key of the YAML file that
--config names: --log-level, EVIDENT_LOG_LEVEL, log-level. A flag wins over a
variable, which wins over the file. Only the file can name several listeners:

  listeners:
    kafka:
      - name: inside
        address: 127.0.0.1:9092
      - name: outside
        address: 0.0.0.0:9093
        advertise: broker.example.org:9093
        tls-cert: broker.pem
        tls-key: broker.key
        sasl: [SCRAM-SHA-512]

With --kafka the node runs on that Kafka cluster and has no broker and no log of
its own; what the cluster cannot do is logged at the start. Passwords are given
as references, env:NAME or file:PATH.

With -f the node declares what files say before it is ready, as "evident apply"
does; if that is refused, it does not start.

The log goes to standard error. When every listener accepts connections, one line
says "ready" and on which addresses.`,
		Example: examples(
			"evident serve",
			"evident serve --data /var/lib/evident --log-format json",
			"evident serve --listen-kafka 127.0.0.1:0 --listen-http none",
			"evident serve --topic-default retention.ms=86400000 --topic-default compression.type=zstd",
			"evident serve --listen-kafka 0.0.0.0:9092 --advertise-kafka broker:9092 --insecure",
			"evident serve --sasl-kafka SCRAM-SHA-512 --bootstrap-user admin=file:admin.password",
			"evident serve --config evident.yaml",
			"evident serve -f topics.yaml",
			"evident serve --kafka broker-1:9092,broker-2:9092 --kafka-tls --kafka-sasl-mechanism SCRAM-SHA-512 --kafka-user evident --kafka-password env:PASSWORD",
		),
		Args: arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.LoadNode(cmd.Flags(), c.environ)
			if err != nil {
				return &tool.UsageError{Err: err}
			}
			return serve.Run(cmd.Context(), cfg, files, c.err)
		},
	}
	config.NodeFlags(cmd.Flags())
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "declare what this file, or the files of this folder, say; may be repeated")
	return cmd
}
