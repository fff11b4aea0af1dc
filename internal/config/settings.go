package config

import (
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/node"
)

// envPrefix begins the name of every environment variable that is a setting.
const envPrefix = "EVIDENT_"

// A setting is one thing that can be configured, whichever way it is given.
type setting struct {
	key         string // the flag, the file's key and, in capitals, the variable
	value       kind
	initial     string // the default, as text; empty: none
	placeholder string // stands for the value in help texts
	help        string
}

// secretPlaceholder marks settings whose value may be a secret by mistake, so
// that errors must not show it.
const secretPlaceholder = "REFERENCE"

// shown is text, a value of the setting, as an error message gives it.
func (s setting) shown(text string) string {
	if strings.HasSuffix(s.placeholder, secretPlaceholder) {
		return "…"
	}
	return text
}

// isList tells if the file may give the setting as a list.
func (s setting) isList() bool {
	return s.key == "sasl" || s.key == "sasl-kafka" || s.key == "ledger-exclude" || s.key == "witness" || s.key == "anchor-opentimestamps" || s.key == "gateway-origin"
}

// env is the environment variable that gives the setting.
func (s setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.key, "-", "_"))
}

// configFile names the file itself, so the file cannot have it.
func configFile() setting {
	return setting{"config", someText, "", "FILE", "YAML file with the same settings"}
}

// nodeSettings are those of a node.
func nodeSettings() []setting {
	return slices.Concat(brokerSettings(), anchorSettings(), clusterSettings())
}

// clusterSettings are how a node, or the demo, reaches a Kafka cluster that
// somebody else runs.
func clusterSettings() []setting {
	return []setting{
		{"kafka", addresses, "", "HOST:PORT", "run on this Kafka cluster instead of the broker inside; several with commas between them"},
		{"kafka-tls", truth, "false", "", "speak TLS with the cluster"},
		{"kafka-tls-ca", readableFile, "", "FILE", "PEM file of the authority that signed the cluster's certificates; implies --kafka-tls"},
		{"kafka-tls-cert", readableFile, "", "FILE", "PEM file of the certificate to show to the cluster"},
		{"kafka-tls-key", readableFile, "", "FILE", "PEM file of its key"},
		{"kafka-sasl-mechanism", clusterMechanism, "", "MECHANISM", "how to log in to the cluster: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"},
		{"kafka-user", someText, "", "NAME", "user name, or client id for --kafka-token-url"},
		{"kafka-password", reference, "", secretPlaceholder, "where the password, or client secret, is: env:NAME or file:PATH"},
		{"kafka-token", reference, "", secretPlaceholder, "where the bearer token for OAUTHBEARER is: env:NAME or file:PATH"},
		{"kafka-token-url", webAddress, "", "URL", "endpoint that gives tokens for OAUTHBEARER by client credentials"},
		{"kafka-token-scope", someText, "", "SCOPE", "scope to ask that endpoint for"},
		{"replication-factor", wholeNumber(1), "", "N", "replicas of topics made on the cluster (default: what the cluster says)"},
		{"insecure", truth, "false", "", "allow plain text beyond this machine: of listeners, and of passwords to a Kafka cluster"},
	}
}

// brokerSettings are those of the node itself and of the broker inside it.
func brokerSettings() []setting {
	return []setting{
		{"data", someText, "./evident-data", "DIR", "folder that the node owns"},
		{"listen-kafka", listenAddress, "", "HOST:PORT", "address of the Kafka protocol (default " + node.DefaultKafkaAddress + `; port 0 takes a free one; "none")`},
		{"listen-http", listenAddress, "", "HOST:PORT", "address of HTTP: events, /healthz, /readyz, /metrics (default " + node.DefaultHTTPAddress + `; port 0 takes a free one; "none")`},
		{"listen-registry", listenAddress, "", "HOST:PORT", "address of the schema registry's HTTP (default " + node.DefaultRegistryAddress + `, if HTTP listens on its default, else none: it is also under /registry of HTTP; port 0 takes a free one; "none")`},
		{"advertise-kafka", clientAddress, "", "HOST:PORT", "address that Kafka clients are told to connect to (default: the one listened on)"},
		{"advertise-http", clientAddress, "", "HOST:PORT", "address of HTTP as seen from outside (default: the one listened on)"},
		{"http-token-file", someText, "", "FILE", "file with what HTTP requests must show that change or destroy something, or read data from another machine; made if it is not there; the same for all nodes of a cluster (default: http-token in the data folder; with --kafka and without a ledger none, and nothing can be changed, or read from elsewhere)"},
		{"sasl-kafka", mechanisms, "", "MECHANISM", "how Kafka clients must log in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or several with commas between them (default: they need not)"},
		{"bootstrap-user", bootstrapUsers, "", "NAME=" + secretPlaceholder, "user to make at start if there is none of that name, and where the password is: env:NAME or file:PATH; may be repeated"},
		{"connections-max-reauth", duration, "0s", "TIME", "how long a login is good for; 0 is as long as the connection"},
		{"connection-failed-authentication-delay", duration, "100ms", "TIME", "how long a client that could not log in waits for its answer"},
		{"auto-create-topics", truth, "true", "", "create a topic when a client first asks for it"},
		{"partitions", wholeNumber(1), "1", "N", "partitions of a topic created without a number"},
		{"topic-default", topicProperties, "", "KEY=VALUE", "topic setting where a topic has none of its own; may be repeated"},
		{"group-initial-rebalance-delay", duration, "3s", "TIME", "how long a new consumer group waits for more members"},
		{"group-consumer-heartbeat-interval", someDuration, "5s", "TIME", "how often members of consumer groups (KIP-848) are to say that they live"},
		{"group-consumer-session-timeout", someDuration, "45s", "TIME", "how long they may be silent before their partitions go to others"},
		{"offsets-partitions", wholeNumber(1), "50", "N", "partitions of __consumer_offsets, when it is first created"},
		{"transactions-partitions", wholeNumber(1), "50", "N", "partitions of __transaction_state, when it is first created"},
		{"group-share-max-size", wholeNumber(1), "200", "N", "members that a share group may have"},
		{"share-state-partitions", wholeNumber(1), "50", "N", "partitions of __share_group_state, when it is first created"},
		{"dead-letter-create", truth, "false", "", "create the dead-letter topics that share groups name"},
		{"ledger", oneOf("on", "off"), "", "on|off", "make records provable (default: on; with --kafka off, unless there is a --ledger-origin)"},
		{"ledger-origin", someText, "", "ORIGIN", "the deployment's name in proofs, such as example.com/events, which must never change (default: the one that its ledger has; at first unnamed.invalid/ and random digits)"},
		{"ledger-store", someText, "", "URL", "with --kafka: share the ledger with other nodes through this S3-compatible bucket, s3://BUCKET/PREFIX?endpoint=URL&region=NAME; credentials as AWS's tools find them (default: a ledger of this node alone)"},
		{"ledger-key", someText, "", "FILE", "file with the ledger's private keys, the same for all nodes that share it; made for a new ledger if it is not there (default: ledger/keys in the data folder)"},
		{"ledger-index", oneOf("on", "off"), "", "on|off", "keep an index of provable records, by key, event id, type, correlation id and time (default: on)"},
		{"ledger-max-lag-bytes", byteCount, "536870912", "N", "bytes of all partitions that may wait for the ledger before producers have to; of one partition the topic setting evident.ledger.max.lag.bytes"},
		{"ledger-exclude", patterns, "", "PATTERN", "topics whose records are not to be provable, such as 'metrics-*'; several with commas between them"},
		{"ledger-policy", readableFile, "", "FILE", "file with witnesses of the ledger, their URLs, and how many of them proofs wait for (C2SP tlog-policy)"},
		{"witness", witnessKeys, "", "'VKEY URL'", "a witness of the ledger, by its verifier key and URL; may be repeated, and proofs wait for all of them"},
		{"witness-interval", someDuration, "10s", "TIME", "time between checkpoints that witnesses are asked for when no proof waits for them"},
		{"claim-store", someText, "", "URL", "keep data of events that are too large for the log in this S3-compatible bucket, s3://BUCKET/PREFIX?endpoint=URL&region=NAME (default: claims in the data folder; with --kafka and without a ledger none)"},
		{"state-memory", byteCount, "184549376", "N", "bytes of memory that the state of all processors may take: what was read and written lately, and is not in files yet"},
		{"gateway-window", someDuration, "24h", "TIME", "for how long an event that is sent over HTTP again is not written again"},
		{"gateway-ids", wholeNumber(1000), "10000000", "N", "how many of the newest events over HTTP are known again; each takes 40 bytes of memory"},
		{"gateway-origin", origins, "", "ORIGIN", "origins whose webhooks are let in by the handshake of CloudEvents, several with commas between them; * is all (default: none)"},
		{"gateway-max-body-bytes", byteCount, "16777216", "N", "bytes that a request with events may have, if it is no stream of lines"},
		{"truncate-damaged", truth, "false", "", "cut a partition that is damaged in the middle there, which loses the records behind it, and makes of a transaction that was committed an aborted one there if its marker is among them"},
		{"log-level", oneOf("debug", "info", "warn", "error"), "info", "LEVEL", "debug, info, warn or error"},
		{"log-format", oneOf("text", "json"), "text", "FORMAT", "text or json"},
	}
}

// clientSettings are those of the commands that talk to a node.
func clientSettings() []setting {
	return []setting{
		{"brokers", addresses, node.DefaultKafkaAddress, "HOST:PORT", "where to reach the node; several with commas between them"},
		{"timeout", someDuration, "10s", "TIME", "how long to wait for an answer"},
		{"tls", truth, "false", "", "speak TLS"},
		{"tls-ca", readableFile, "", "FILE", "PEM file of the authority that signed the node's certificate; implies --tls"},
		{"tls-cert", readableFile, "", "FILE", "PEM file of the certificate to show to the node; implies --tls"},
		{"tls-key", readableFile, "", "FILE", "PEM file of its key"},
		{"user", someText, "", "NAME", "user to log in as"},
		{"password-file", readableFile, "", "FILE", "file with the password (or give it as " + passwordVariable + ")"},
		{"sasl-mechanism", mechanism, "", "MECHANISM", "how to log in: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (default " + string(auth.ScramSHA512) + ")"},
	}
}

// passwordVariable is the variable that a client's password can be in. There is
// no flag of that name: other users of the machine see command lines.
const passwordVariable = "EVIDENT_PASSWORD"

// password is the setting that only passwordVariable gives.
func password() setting {
	return setting{key: "password", value: someText, placeholder: secretPlaceholder}
}

func keys(settings []setting) []string {
	all := make([]string, len(settings))
	for i, s := range settings {
		all[i] = s.key
	}
	return all
}

func find(settings []setting, key string) (setting, bool) {
	for _, s := range settings {
		if s.key == key {
			return s, true
		}
	}
	return setting{}, false
}
