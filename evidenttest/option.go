package evidenttest

import (
	"flag"
	"hash/fnv"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// The flags of go test, after the package's name so that they meet no others.
var (
	seedFlag   = flag.Uint64("evidenttest.seed", 0, "decide the faults that are left to chance by `n`; 0: by the test's name")
	updateFlag = flag.Bool("evidenttest.update", false, "write golden files instead of comparing with them")
)

// settings are what options change.
type settings struct {
	config node.Config
	seed   uint64
}

// Option changes how a node is started.
type Option func(*settings)

// WithConfig lets change alter the node's configuration. Its FS, Data and Wire are set.
func WithConfig(change func(*node.Config)) Option {
	return func(s *settings) { change(&s.config) }
}

// WithoutLedger starts a node without a ledger: time then passes four times as fast, and
// nothing can be proven.
func WithoutLedger() Option {
	return WithConfig(func(c *node.Config) { c.Ledger = new(false) })
}

// WithSeed decides by n what is left to chance. Default: by the name of the test, or by
// what the flag -evidenttest.seed says, which wins.
func WithSeed(n uint64) Option {
	return func(s *settings) {
		if *seedFlag == 0 {
			s.seed = n
		}
	}
}

// Listen opens a Kafka listener on a free loopback port, for clients that need
// one. [Node.KafkaAddress] tells it. It is not for [Run], whose time does not pass
// while a network is waited for.
func Listen() Option {
	return WithConfig(func(c *node.Config) {
		c.Kafka = []node.Listener{{Name: "kafka", Address: "127.0.0.1:0"}}
	})
}

// Config is the configuration of a test's node, on a filesystem in memory of its
// own: topics are created when they are first used, and consumer groups do not wait
// for more members before they begin.
func Config() node.Config {
	return node.Config{
		FS: vfs.NewMem(), Data: "evident-data", Kafka: []node.Listener{}, HTTP: []node.Listener{},
		GroupInitialRebalanceDelay: -1, OffsetsPartitions: 1, TransactionsPartitions: 1, ShareStatePartitions: 1,
	}
}

// seedOf is the seed of a test that is given none.
func seedOf(t testing.TB) uint64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	h := fnv.New64a()
	h.Write([]byte(t.Name()))
	return h.Sum64()
}

// WithProcessors has the node run processors. They begin when their inputs are there.
func WithProcessors(processors ...node.Processor) Option {
	return WithConfig(func(c *node.Config) { c.Processors = append(c.Processors, processors...) })
}
