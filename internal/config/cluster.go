package config

import (
	"fmt"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/node"
)

// Cluster is a Kafka cluster that somebody else runs, and how it is used.
type Cluster struct {
	// Cluster is nil where none is named.
	Cluster *node.Cluster
	// ReplicationFactor is 0 where the cluster decides.
	ReplicationFactor int
}

// ClusterFlags adds the flags that name a Kafka cluster to flags.
func ClusterFlags(flags *pflag.FlagSet) {
	addFlags(flags, clusterSettings(), nil)
}

// LoadCluster reads which cluster is to be used from flags (see [ClusterFlags]),
// which must have been parsed, and from environ, in that order of precedence.
func LoadCluster(flags *pflag.FlagSet, environ []string) (Cluster, error) {
	given, err := load(flags, environ, withoutDefaults(clusterSettings()), "")
	if err != nil {
		return Cluster{}, err
	}
	return clusterOf(given)
}

// clusterOf reads a cluster from the settings that were given, without the
// defaults of the others. Settings of a cluster without the cluster, and
// settings of the broker inside next to it, are mistakes.
func clusterOf(given *koanf.Koanf) (Cluster, error) {
	if !given.Exists("kafka") {
		for _, s := range clusterSettings() {
			if s.key != "insecure" && given.Exists(s.key) {
				return Cluster{}, fmt.Errorf("%s is for a Kafka cluster: name one with --kafka HOST:PORT", s.key)
			}
		}
		return Cluster{}, nil
	}
	for _, key := range []string{
		"listen-kafka", "advertise-kafka", "auto-create-topics", "partitions", "topic-default",
		"group-initial-rebalance-delay", "group-consumer-heartbeat-interval", "group-consumer-session-timeout",
		"offsets-partitions", "transactions-partitions", "group-share-max-size", "share-state-partitions", "dead-letter-create", "truncate-damaged", "listeners" + delimiter + "kafka",
		"sasl-kafka", "bootstrap-user", "connections-max-reauth", "connection-failed-authentication-delay",
		"ledger-max-lag-bytes",
	} {
		if given.Exists(key) {
			return Cluster{}, fmt.Errorf("%s is for the broker inside the node, and --kafka names another: leave out one of them", strings.ReplaceAll(key, delimiter, "."))
		}
	}
	c := &node.Cluster{
		Brokers: given.Strings("kafka"),
		TLS: node.ClusterTLS{
			Enabled: given.Bool("kafka-tls"), CA: given.String("kafka-tls-ca"),
			Cert: given.String("kafka-tls-cert"), Key: given.String("kafka-tls-key"),
		},
		SASL: node.ClusterSASL{
			Mechanism: given.String("kafka-sasl-mechanism"), User: given.String("kafka-user"), Password: given.String("kafka-password"),
			Token: given.String("kafka-token"), TokenURL: given.String("kafka-token-url"), Scope: given.String("kafka-token-scope"),
		},
		Insecure: given.Bool("insecure"),
	}
	return Cluster{c, given.Int("replication-factor")}, nil
}

// withoutDefaults are the same settings, absent unless they are given.
func withoutDefaults(settings []setting) []setting {
	for i := range settings {
		settings[i].initial = ""
	}
	return settings
}
