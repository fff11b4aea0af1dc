package broker

import (
	"context"
	"errors"
	"sync"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/group"
	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/quota"
	"github.com/evidentlog/evident/internal/broker/share"
	"github.com/evidentlog/evident/internal/broker/txn"
)

// Broker serves the Kafka protocol on a log. It is made by [New].
type Broker struct {
	cfg          Config
	store        *metadata.Store
	groups       *group.Coordinator
	transactions *txn.Coordinator
	queues       *share.Coordinator
	letters      *deadLetters
	realm        *auth.Realm
	metrics      *metrics
	meter        *quota.Meter
	table        [maxKey]*api
	// standardSettings are those of groups without properties of their own.
	standardSettings groupconfig.Settings

	budget       *budget
	buffers      buffers
	scratches    *scratches
	writeBuffers sync.Pool // of *[]byte, see frameWriter
	productions  sync.Pool // of *production
	sessions     *fetchSessions

	ctx    context.Context // ends when Close is called
	cancel context.CancelCauseFunc
	work   workers
}

// errClosing is why connections end when the broker does.
var errClosing = errors.New("broker is closing")

// New reads the metadata, opens all partitions and starts the log. The broker
// serves until Close is called.
func New(cfg Config) (*Broker, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	store, err := metadata.Open(metadata.Config{
		Log: cfg.Log, Logger: cfg.Logger, Now: cfg.Now, TopicDefaults: cfg.TopicDefaults,
	})
	if err != nil {
		return nil, err
	}
	b := &Broker{cfg: cfg, store: store, budget: newBudget(cfg.QueuedRequestBytes), scratches: newScratches()}
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	b.writeBuffers.New = func() any { p := make([]byte, 0, writeBuffer+writeBuffer/8); return &p }
	b.productions.New = func() any { return new(production) }
	b.meter = quota.NewMeter(quota.Config{Table: store.Quotas, Windows: cfg.QuotaWindows, Window: cfg.QuotaWindow})
	b.sessions = newFetchSessions(cfg.FetchSessions, cfg.Now)
	b.realm = auth.NewRealm(auth.Config{
		Users: store.Users, Secret: store.AuthenticationSecret(), SessionLifetime: cfg.ConnectionsMaxReauth, Now: cfg.Now,
	})
	b.standardSettings = b.settingsOf(nil)
	b.queues = b.newQueues()
	b.groups = group.New(group.Config{
		Store: b.offsetsTopic(), Topics: groupTopics{store}, Logger: cfg.Logger,
		InitialRebalanceDelay: cfg.GroupInitialRebalanceDelay, ImmediateGroups: cfg.ImmediateGroups, Settings: b.groupSettings,
		ConsumerMaxSize: cfg.ConsumerMaxSize, ShareMaxSize: cfg.ShareMaxSize, Queues: b.queues,
	})
	b.transactions = b.newTransactions()
	b.table = b.apis()
	b.metrics, err = newMetrics(cfg.Metrics, b.table, b.sessions.count)
	if err == nil {
		err = cfg.Log.Start(b.ctx)
	}
	if err != nil {
		b.cancel(err)
		return nil, err
	}
	b.work.start(func() { _ = b.groups.Run(b.ctx) }) // its error is that of the context
	b.work.start(func() { _ = b.transactions.Run(b.ctx) })
	b.work.start(func() { _ = b.queues.Run(b.ctx) })
	b.work.start(func() { b.letters.run(b.ctx) })
	return b, nil
}

// ClusterID is the id that the cluster got when it first started.
func (b *Broker) ClusterID() string { return b.store.ClusterID() }

// api returns the kind of request with the given key, or nil.
func (b *Broker) api(key int16) *api {
	if key < 0 || key >= maxKey {
		return nil
	}
	return b.table[key]
}

// Close closes all connections and listeners and waits until all goroutines of
// the broker have ended. The log stays open.
func (b *Broker) Close() {
	b.cancel(errClosing)
	b.budget.close()
	b.work.wait()
}

// workers counts goroutines that Close waits for. Unlike a WaitGroup, it can
// be waited for while somebody tries to start another, which is then refused.
type workers struct {
	mu     sync.Mutex
	closed bool
	group  sync.WaitGroup
}

// start runs f in a goroutine, unless wait has been called.
func (w *workers) start(f func()) bool {
	if !w.enter() {
		return false
	}
	go func() {
		defer w.group.Done()
		f()
	}()
	return true
}

// enter counts the caller's goroutine in, which must leave, unless wait has been
// called.
func (w *workers) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.group.Add(1)
	return true
}

func (w *workers) leave() { w.group.Done() }

func (w *workers) wait() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.group.Wait()
}
