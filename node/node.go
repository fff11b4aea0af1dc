// Package node puts the rooms of Evident together: one node, in one process.
//
// A program embeds a node with [Run], or with [Start] when it wants a client of
// it. The package has no behaviour of its own: what a node does is in the
// packages that it wires.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/broker"
	"github.com/evidentlog/evident/internal/claim"
	"github.com/evidentlog/evident/internal/engine"
	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/follow"
	"github.com/evidentlog/evident/internal/ledger/lag"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/vfs"
)

// nodeID is the id of the only broker of a single-node cluster.
const nodeID = 1

// Node is a running node.
type Node struct {
	cfg        Config
	log        *log.Log
	broker     *broker.Broker
	engine     *engine.Engine
	anchors    anchors
	ledger     *provable   // nil without one
	token      token.Token // zero: HTTP changes nothing
	resources  *declared
	processors *processors
	schemas    *schemas
	claims     *claim.API // nil without a store for them
	claimStore claim.Store
	gateway    *gateway // nil without HTTP

	behind *lag.Watch // how far the ledger is; nil without one, and on a cluster

	follower atomic.Pointer[follow.Follower] // the ledger's

	addresses Addresses
	answered  chan struct{} // closed when the cluster has answered
	failed    chan error    // why a listener ended; at most one is sent
	cancel    context.CancelFunc
	servers   sync.WaitGroup
	closing   sync.Once
	closed    error
}

// Run runs a node until ctx ends, then stops it in order. It returns nil after
// an orderly stop, or why the node could not start or go on.
func Run(ctx context.Context, cfg Config) error {
	n, err := Start(ctx, cfg)
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil // told to stop while it waited for its cluster
	case err != nil:
		return err
	}
	select {
	case <-ctx.Done():
		err = nil
	case err = <-n.failed:
	}
	return errors.Join(err, n.Close())
}

// Start starts a node and returns it once every listener accepts connections,
// and the cluster that it is to run on, if any, has answered. It gives up when
// ctx ends. The caller closes the node; it does not end with ctx.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, answered: make(chan struct{}), failed: make(chan error, 1)}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	if cfg.Ready != nil {
		cfg.Ready(n.addresses)
	}
	return n, nil
}

func (n *Node) start(starting context.Context) (err error) {
	var ctx context.Context
	ctx, n.cancel = context.WithCancel(context.Background())
	// Ports first: one that is taken should not cost a recovery.
	listeners, err := n.listen()
	if err != nil {
		return err
	}
	if n.cfg.Cluster != nil {
		err = n.connect()
	} else {
		err = n.open()
	}
	if err != nil {
		listeners.close()
		return err
	}
	if err := n.startRooms(starting, ctx); err != nil {
		listeners.close()
		return err
	}
	n.serve(ctx, listeners)
	if err := n.engine.Await(starting); err != nil {
		return err
	}
	close(n.answered)
	if err := n.checkFeatures(starting); err != nil {
		return err
	}
	n.servers.Go(func() { n.engine.Watch(ctx) })
	return n.declare(starting)
}

// startRooms starts what works on the engine.
func (n *Node) startRooms(starting, ctx context.Context) error {
	if err := n.loadToken(); err != nil {
		return err
	}
	if err := n.startResources(ctx); err != nil {
		return err
	}
	if err := n.startProcessors(ctx); err != nil {
		return err
	}
	if err := n.startClaims(); err != nil {
		return err
	}
	if err := n.startGateway(); err != nil {
		return err
	}
	if err := n.startRegistry(ctx); err != nil {
		return err
	}
	if !*n.cfg.Ledger {
		return nil
	}
	return n.startLedger(starting, ctx)
}

// checkFeatures refuses what was asked of the node and the cluster cannot do.
func (n *Node) checkFeatures(ctx context.Context) error {
	if n.cfg.Cluster == nil || n.ledger == nil {
		return nil
	}
	can, err := n.engine.Capabilities(ctx)
	if err != nil {
		return err
	}
	if err := can.Check(engine.TopicIDs); err != nil {
		return fmt.Errorf("the ledger tells topics of one name apart by their ids: %w", err)
	}
	return nil
}

// connect prepares to run on somebody else's cluster.
func (n *Node) connect() (err error) {
	n.engine, err = engine.Connect(engine.Config{
		Config: *n.cfg.Cluster, ReplicationFactor: int16(n.cfg.ReplicationFactor),
		Logger: n.cfg.Logger, Metrics: n.cfg.Metrics,
	})
	return err
}

// open opens the log and starts the broker on it.
func (n *Node) open() (err error) {
	cfg := log.Config{
		FS: n.cfg.FS, Dir: n.cfg.Data, Logger: n.cfg.Logger, Metrics: n.cfg.Metrics, TruncateDamaged: n.cfg.TruncateDamaged,
	}
	if *n.cfg.Ledger {
		cfg.Hold, cfg.TailCacheBytes = n.hold, ledgerTail
	}
	n.log, err = log.Open(cfg)
	if err != nil {
		return err
	}
	pace, err := n.watchLag()
	if err != nil {
		return err
	}
	n.broker, err = broker.New(broker.Config{
		Log:                        n.log,
		Pace:                       pace,
		Logger:                     n.cfg.Logger,
		Metrics:                    n.cfg.Metrics,
		NodeID:                     nodeID,
		AutoCreateTopics:           *n.cfg.AutoCreateTopics,
		DefaultPartitions:          n.cfg.Partitions,
		TopicDefaults:              n.cfg.TopicDefaults,
		OffsetsPartitions:          n.cfg.OffsetsPartitions,
		TransactionsPartitions:     n.cfg.TransactionsPartitions,
		ShareMaxSize:               n.cfg.GroupShareMaxSize,
		ShareStatePartitions:       n.cfg.ShareStatePartitions,
		DeadLetterCreate:           n.cfg.DeadLetterCreate,
		GroupInitialRebalanceDelay: max(0, n.cfg.GroupInitialRebalanceDelay),
		ImmediateGroups:            []string{resource.Group, registry.Group, group.Prefix + "*"},
		ConsumerHeartbeat:          n.cfg.GroupConsumerHeartbeat,
		ConsumerSession:            n.cfg.GroupConsumerSession,
		ConnectionsMaxReauth:       n.cfg.ConnectionsMaxReauth,
		FailedAuthenticationDelay:  n.cfg.FailedAuthenticationDelay,
	})
	if err != nil {
		return err
	}
	if err := n.admit(); err != nil {
		return err
	}
	inside := broker.ListenerInfo{
		Name: "in-process", AdvertisedHost: engine.EmbeddedHost, AdvertisedPort: engine.EmbeddedPort, Identify: inProcess,
	}
	n.engine = engine.New(func(ctx context.Context, conn net.Conn) { n.broker.ServeConn(ctx, n.wired(conn), inside) })
	return nil
}

// Client makes a client of the node over a connection inside the process, or of
// the cluster that it runs on. The caller closes it, before the node.
func (n *Node) Client(opts ...kgo.Opt) (*kgo.Client, error) { return n.engine.Client(opts...) }

// Dial connects to the node's own broker inside the process, for a client of the Kafka
// protocol that is given connections. The caller closes the connection, before the node.
func (n *Node) Dial(ctx context.Context) (net.Conn, error) {
	if n.cfg.Cluster != nil {
		return nil, errors.New("a node on another cluster has no broker to connect to: connect to the cluster")
	}
	return n.engine.Dial(ctx)
}

// ClientOptions are the options of [Node.Client], for whoever makes its own.
func (n *Node) ClientOptions() []kgo.Opt { return n.engine.Options() }

// ReplicationFactor is how many replicas topics that are made for the node are to
// have; -1 leaves it to its broker or cluster.
func (n *Node) ReplicationFactor() int16 { return n.engine.ReplicationFactor() }

// Addresses are those that the node listens on.
func (n *Node) Addresses() Addresses { return n.addresses }

// Failed receives why the node cannot go on, if that happens. It must be closed
// then, too.
func (n *Node) Failed() <-chan error { return n.failed }

// Close stops the node: no more connections, then no more requests, then the log
// is flushed and marked clean. It may be called more than once.
func (n *Node) Close() error {
	n.closing.Do(func() { n.closed = n.close() })
	return n.closed
}

func (n *Node) close() error {
	if n.cancel != nil {
		n.cancel()
	}
	if n.gateway != nil {
		n.gateway.close() // what came in is acknowledged
	}
	if n.processors != nil {
		<-n.processors.done // they commit what is under way
	}
	if n.schemas != nil {
		<-n.schemas.done
	}
	if n.resources != nil {
		<-n.resources.done // it has something to tell the broker
	}
	if n.engine != nil {
		n.engine.Close()
	}
	n.servers.Wait()
	err := n.closeAnchors()
	if n.broker != nil {
		n.broker.Close()
	}
	if n.log == nil {
		return err
	}
	return errors.Join(err, n.log.Close())
}

func (c *Config) setDefaults() {
	if c.Data == "" {
		c.Data = "./evident-data"
	}
	if c.FS == nil {
		c.FS = vfs.OS()
	}
	c.Data = filepath.Clean(c.Data)
	if c.Kafka == nil && c.Cluster == nil {
		c.Kafka = []Listener{{Name: "kafka", Address: DefaultKafkaAddress}}
	}
	if c.HTTP == nil {
		c.HTTP = []Listener{{Name: "http", Address: DefaultHTTPAddress}}
	}
	if c.AutoCreateTopics == nil {
		yes := true
		c.AutoCreateTopics = &yes
	}
	if c.Ledger == nil {
		c.Ledger = new(c.Cluster == nil || c.LedgerOrigin != "")
	}
	if c.LedgerIndex == nil {
		c.LedgerIndex = new(true)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
		c.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	if c.GroupInitialRebalanceDelay == 0 {
		c.GroupInitialRebalanceDelay = DefaultRebalanceDelay
	}
}

// Validate reports what is wrong with the configuration, in words for whoever
// wrote it: names used twice, incomplete TLS, plain text beyond loopback.
func (c *Config) Validate() error {
	all := slices.Concat(c.Kafka, c.HTTP, c.Registry)
	seen := make(map[string]string)
	errs := []error{c.validateCluster()}
	for _, l := range all {
		if other, again := seen[l.Name]; again {
			errs = append(errs, fmt.Errorf("the listeners on %s and %s are both named %q: rename one", other, l.Address, l.Name))
		}
		seen[l.Name] = l.Address
		errs = append(errs, l.validate(c.Insecure))
	}
	for _, l := range slices.Concat(c.HTTP, c.Registry) {
		if len(l.SASL) > 0 || l.TLSClientCA != "" {
			errs = append(errs, fmt.Errorf("listener %q speaks HTTP, where nobody can log in: leave out sasl and tls-client-ca", l.Name))
		}
	}
	errs = append(errs, c.validateAnchors())
	if c.LedgerOrigin != "" {
		errs = append(errs, (&ledger.Config{Origin: c.LedgerOrigin}).Validate())
	}
	if len(c.Declarations) > 0 && c.Cluster != nil && c.HTTPTokenFile == "" && (c.Ledger == nil || !*c.Ledger) && c.LedgerOrigin == "" {
		errs = append(errs, errors.New("a node on a cluster that declares something needs a token, the same for all nodes: give --http-token-file"))
	}
	if c.StateMemory != 0 && c.StateMemory < 1<<20 {
		errs = append(errs, fmt.Errorf("state of processors may take %d bytes of memory: want at least 1048576", c.StateMemory))
	}
	if c.LedgerMaxLag < 0 {
		errs = append(errs, fmt.Errorf("the ledger may be %d bytes behind: want a number above 0", c.LedgerMaxLag))
	}
	return errors.Join(append(errs, c.validateExclude(), c.validateWitnesses(), c.validateShared(), c.validateClaims(), c.validateGateway())...)
}

// validateExclude checks the patterns of topics without a ledger.
func (c *Config) validateExclude() error {
	for _, pattern := range c.LedgerExclude {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("ledger exclude %q is no pattern of topics' names, such as metrics-* or log-[0-9]: %w", pattern, err)
		}
	}
	return nil
}

func (c *Config) validateCluster() error {
	switch {
	case c.Cluster == nil && c.ReplicationFactor != 0:
		return fmt.Errorf("replication factor %d: the node's own broker keeps one replica; more need a cluster", c.ReplicationFactor)
	case c.Cluster == nil:
		return nil
	case len(c.Kafka) > 0:
		return fmt.Errorf("listener %q would speak the Kafka protocol, which a node on another cluster does not: leave it out", c.Kafka[0].Name)
	case c.ReplicationFactor < 0 || c.ReplicationFactor > math.MaxInt16:
		return fmt.Errorf("replication factor %d: want at least 1 and at most %d", c.ReplicationFactor, math.MaxInt16)
	}
	return engine.Config{Config: *c.Cluster}.Validate()
}
