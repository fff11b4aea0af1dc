package config

import (
	"io"
	"log/slog"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/evidentlog/evident/internal/secret"
	"github.com/evidentlog/evident/node"
)

// delimiter separates the levels of a key. Names of topic properties contain
// dots, and nothing contains slashes.
const delimiter = "/"

// Node is what "evident serve" runs with.
type Node struct {
	// Config is the node's own, but for its logger.
	Config node.Config
	// LogLevel is the least level that is logged.
	LogLevel slog.Level
	// LogJSON says that logs are lines of JSON.
	LogJSON bool
}

// Logger returns a logger that writes to w as configured.
func (n Node) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: n.LogLevel}
	if n.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// LoadNode reads the configuration of a node from flags (see [NodeFlags]),
// which must have been parsed, from environ (as [os.Environ] gives it) and from
// the file that --config or EVIDENT_CONFIG names, in that order of precedence.
// Errors are [*KeyError], [*ValueError], or plain sentences.
func LoadNode(flags *pflag.FlagSet, environ []string) (Node, error) {
	file, err := load(flags, environ, []setting{configFile()}, "")
	if err != nil {
		return Node{}, err
	}
	k, err := load(flags, environ, nodeSettings(), file.String("config"))
	if err != nil {
		return Node{}, err
	}
	given, err := load(flags, environ, withoutDefaults(nodeSettings()), file.String("config"))
	if err != nil {
		return Node{}, err
	}
	other, err := clusterOf(given)
	if err != nil {
		return Node{}, err
	}
	listen, err := listeners(k, other.Cluster != nil)
	if err != nil {
		return Node{}, err
	}
	policy, err := ledgerPolicy(k)
	if err != nil {
		return Node{}, err
	}
	chain, err := anchorEthereum(k)
	if err != nil {
		return Node{}, err
	}
	autoCreate := k.Bool("auto-create-topics")
	n := Node{LogJSON: k.String("log-format") == "json"}
	n.Config = node.Config{
		Data:                       k.String("data"),
		Kafka:                      listen.kafka,
		HTTP:                       listen.http,
		Registry:                   listen.registry,
		Cluster:                    other.Cluster,
		ReplicationFactor:          other.ReplicationFactor,
		Insecure:                   k.Bool("insecure"),
		ClaimStore:                 k.String("claim-store"),
		HTTPTokenFile:              k.String("http-token-file"),
		BootstrapUsers:             bootstrap(k),
		ConnectionsMaxReauth:       k.Duration("connections-max-reauth"),
		FailedAuthenticationDelay:  noneIsNegative(k.Duration("connection-failed-authentication-delay")),
		AutoCreateTopics:           &autoCreate,
		Partitions:                 k.Int("partitions"),
		TopicDefaults:              topicDefaults(k),
		GroupInitialRebalanceDelay: noneIsNegative(k.Duration("group-initial-rebalance-delay")),
		GroupConsumerHeartbeat:     k.Duration("group-consumer-heartbeat-interval"),
		GroupConsumerSession:       k.Duration("group-consumer-session-timeout"),
		OffsetsPartitions:          k.Int("offsets-partitions"),
		TransactionsPartitions:     k.Int("transactions-partitions"),
		GroupShareMaxSize:          k.Int("group-share-max-size"),
		ShareStatePartitions:       k.Int("share-state-partitions"),
		DeadLetterCreate:           k.Bool("dead-letter-create"),
		Ledger:                     onOrOff(k, "ledger"),
		LedgerOrigin:               k.String("ledger-origin"),
		LedgerStore:                k.String("ledger-store"),
		LedgerKey:                  k.String("ledger-key"),
		GatewayWindow:              k.Duration("gateway-window"),
		GatewayIDs:                 k.Int("gateway-ids"),
		GatewayOrigins:             k.Strings("gateway-origin"),
		GatewayMaxBody:             k.Int64("gateway-max-body-bytes"),
		LedgerIndex:                onOrOff(k, "ledger-index"),
		LedgerMaxLag:               k.Int64("ledger-max-lag-bytes"),
		StateMemory:                k.Int64("state-memory"),
		LedgerExclude:              k.Strings("ledger-exclude"),
		LedgerPolicy:               policy,
		WitnessInterval:            k.Duration("witness-interval"),
		AnchorOpenTimestamps:       calendarsOf(k),
		AnchorEthereum:             chain,
		AnchorInterval:             k.Duration("anchor-interval"),
		TruncateDamaged:            k.Bool("truncate-damaged"),
	}
	if err := n.Config.Validate(); err != nil {
		return Node{}, err
	}
	return n, n.LogLevel.UnmarshalText([]byte(k.String("log-level")))
}

// onOrOff is nil where nothing is said.
func onOrOff(k *koanf.Koanf, key string) *bool {
	if !k.Exists(key) {
		return nil
	}
	return new(k.String(key) == "on")
}

func topicDefaults(k *koanf.Koanf) map[string]string { return texts(k, "topic-default") }

// bootstrap are the users that a node makes, with how it gets their passwords.
func bootstrap(k *koanf.Koanf) map[string]func() (string, error) {
	users := make(map[string]func() (string, error))
	for name, where := range texts(k, "bootstrap-user") {
		ref, err := secret.Parse(where) // it was checked where it was read
		users[name] = func() (string, error) {
			if err != nil {
				return "", err
			}
			return ref.Read()
		}
	}
	return users
}

// texts is a mapping. It is not read through paths, for its keys are the user's.
func texts(k *koanf.Koanf, key string) map[string]string {
	pairs, _ := k.Get(key).(map[string]any)
	texts := make(map[string]string, len(pairs))
	for key, value := range pairs {
		texts[key], _ = value.(string)
	}
	return texts
}

// load puts together what the sources say about settings.
func load(flags *pflag.FlagSet, environ []string, settings []setting, file string) (*koanf.Koanf, error) {
	k := koanf.New(delimiter)
	initial := map[string]any{}
	for _, s := range settings {
		if s.initial == "" {
			continue
		}
		value, err := s.value(s.initial)
		if err != nil {
			return nil, err
		}
		initial[s.key] = value
	}
	if err := k.Load(confmap.Provider(initial, ""), nil); err != nil {
		return nil, err
	}
	if file != "" {
		if err := loadFile(k, file); err != nil {
			return nil, err
		}
	}
	if err := loadEnv(k, environ, settings); err != nil {
		return nil, err
	}
	return k, loadFlags(k, flags, settings)
}

// noneIsNegative is d as a node wants it, where 0 means the default; to a user it
// means none.
func noneIsNegative(d time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return -1
}
