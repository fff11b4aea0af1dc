package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// ErrClosed says that a ledger, or a generation of a tree, takes no more.
var ErrClosed = errors.New("the ledger takes no more records")

// A Ledger is a deployment's trees and root log. All methods but Run may be
// called by any goroutine.
type Ledger struct {
	cfg     Config
	keys    *keys
	store   *store.Store // written by Run alone
	metrics *metrics
	codecs  batch.Codecs
	spares  chan *leaves.Growth // whose leaves were written: memory to use again
	makers  sync.Pool           // of *leaves.Maker

	signed  atomic.Pointer[signedRoot] // the newest checkpoint of the root log
	kept    *checkpoints.Log           // those that are kept for ever
	records atomic.Int64               // added since the last round
	bytes   atomic.Int64               // of their batches
	pending atomic.Int64               // bytes of leaves that wait in memory
	stops   atomic.Int64               // see Stops
	rebuilt atomic.Int64               // see Rebuilds
	early   chan struct{}              // wakes Run before its time
	wanted  chan struct{}              // tells that a proof waits for witnesses
	erasing chan *eraseRequest         // taken by Run
	mended  chan *rebuildRequest       // likewise
	over    chan struct{}              // closed when Run has ended

	// Owned by Run.
	lastTime int64               // of root entries
	written  map[*Partition]bool // have leaves in their places that no round has

	sharing *sharing // nil if no other node writes this ledger
	moves   bool     // the folder has what its bucket has not; only while it is opened

	opening    sync.Mutex // held while a tree is opened; taken before mu
	rebuilding sync.Mutex // held while a tree is made again

	keeping struct {
		sync.Mutex           // held while a checkpoint is kept
		last       time.Time // when one was
	}

	witnessed witnessed
	places    places

	mu struct {
		sync.Mutex
		partitions map[string]*Partition // by origin
		grown      map[*Partition]bool   // with leaves that no round has
		full       map[*Partition]bool   // with so many that they are to be written at once
		failed     error                 // why the ledger has stopped, if it has
		closed     bool
	}
}

// Open opens a ledger, and makes it if there is none.
func Open(cfg Config) (*Ledger, error) { return OpenShared(context.Background(), cfg, nil) }

// OpenShared opens a ledger that other nodes write too, through a bucket, and
// makes it if there is none. The folder is then this node's copy of it. It gives
// up when ctx ends. Without a bucket it is Open.
func OpenShared(ctx context.Context, cfg Config, b *bucket.Bucket) (*Ledger, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := store.Open(store.Config{FS: cfg.FS, Dir: cfg.Dir})
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		cfg: cfg, store: s, spares: make(chan *leaves.Growth, maxSpares),
		early: make(chan struct{}, 1), wanted: make(chan struct{}, 1), written: map[*Partition]bool{},
	}
	l.makers.New = func() any { return leaves.New(&l.codecs) }
	l.erasing, l.over = make(chan *eraseRequest), make(chan struct{})
	l.mended = make(chan *rebuildRequest)
	l.mu.partitions = map[string]*Partition{}
	l.mu.grown, l.mu.full = map[*Partition]bool{}, map[*Partition]bool{}
	if l.metrics, err = newMetrics(cfg.Metrics, l.healthy, l.entries); err == nil {
		err = l.start(ctx, b)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close closes a ledger whose Run was not called, which would do so.
func (l *Ledger) Close() error {
	if l.metrics != nil {
		l.metrics.close()
	}
	var err error
	if l.kept != nil {
		err = l.kept.Close()
	}
	return errors.Join(err, l.store.Close())
}

func (l *Ledger) start(ctx context.Context, b *bucket.Bucket) error {
	if b != nil && l.cfg.Origin == "" {
		return errors.New("a ledger that nodes share needs an origin, the same for all of them")
	}
	if err := l.chooseOrigin(); err != nil {
		return err
	}
	isNew, err := l.bind(ctx, b)
	if err != nil {
		return err
	}
	if l.keys, err = loadKeys(&l.cfg, isNew); err != nil {
		return err
	}
	if err := l.checkSigned(); err != nil {
		return err
	}
	if err := l.openKept(); err != nil {
		return err
	}
	if err := l.openWitnessed(); err != nil {
		return err
	}
	for _, h := range l.store.Heads() {
		if _, err := proof.ParseOrigin(l.cfg.Origin, h.Origin); err != nil {
			return fmt.Errorf("%w: %w", ErrOtherDeployment, err)
		}
	}
	if err := l.keepIndex(); err != nil {
		return err
	}
	if err := l.learnTime(); err != nil {
		return err
	}
	if l.moves {
		if err := l.move(ctx, b); err != nil {
			return err
		}
	}
	if b != nil {
		if err := l.join(ctx, b); err != nil {
			return err
		}
	}
	return l.sign()
}

// learnTime makes times in the root log go on where they are.
func (l *Ledger) learnTime() error {
	size, _ := l.store.RootHead()
	if size == 0 {
		return nil
	}
	e, err := l.store.NewestRootEntry()
	l.lastTime = e.Time
	return err
}

// Origin is the deployment's.
func (l *Ledger) Origin() string { return l.cfg.Origin }

// Verifiers are the public keys of the root log.
func (l *Ledger) Verifiers() []*proof.Verifier { return l.keys.verifiers() }

// Checkpoint is the newest one of the root log, a signed note.
func (l *Ledger) Checkpoint() []byte { return l.signed.Load().note }

// A signedRoot is a checkpoint of the root log that was kept and may be shown.
type signedRoot struct {
	proof.Checkpoint
	note []byte
	at   time.Time
}

// Open returns the tree of a partition, made if there is none, in its newest
// generation. t.Deployment and t.Generation are ignored. It may have to make
// hashes again, which takes as long as reading all of its entries.
func (l *Ledger) Open(t proof.Tree) (*Partition, error) {
	l.opening.Lock()
	defer l.opening.Unlock()
	p, origin, err := l.find(t)
	if p != nil || err != nil {
		return p, err
	}
	id := l.store.Create(origin)
	grown, err := l.store.OpenTree(id) // without l.mu: the trees that are open grow on
	if err != nil {
		return nil, err
	}
	p = newPartition(l, id, origin, grown)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.partitions[origin] = p
	return p, nil
}

// find returns the origin of the newest generation of a tree, and the partition
// if it is open.
func (l *Ledger) find(t proof.Tree) (p *Partition, origin string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.mu.closed:
		return nil, "", ErrClosed
	case l.mu.failed != nil:
		return nil, "", l.mu.failed
	}
	t.Deployment, t.Generation = l.cfg.Origin, 0
	for l.ended(t) {
		t.Generation++
	}
	origin = t.Origin()
	return l.mu.partitions[origin], origin, nil
}

// ended tells whether a generation is, or is about to be, closed.
func (l *Ledger) ended(t proof.Tree) bool {
	if p := l.mu.partitions[t.Origin()]; p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.mu.closing != ""
	}
	id, ok := l.store.Find(t.Origin())
	if !ok {
		return false
	}
	h, _ := l.store.Head(id)
	return h.Closed
}

// grew notes that a partition has something for the next round.
func (l *Ledger) grew(p *Partition, records, bytes int64, full bool) {
	l.mu.Lock()
	l.mu.grown[p] = true
	if full {
		l.mu.full[p] = true
	}
	l.mu.Unlock()
	l.records.Add(records)
	l.bytes.Add(bytes)
	if full || l.due() {
		select {
		case l.early <- struct{}{}:
		default: // it is awake
		}
	}
}

// due tells whether so much has come since the last round that it is time for
// another one.
func (l *Ledger) due() bool {
	return l.records.Load() >= l.cfg.Records || l.bytes.Load() >= l.cfg.Bytes
}

// Run makes rounds until ctx ends, then a last one, and closes the ledger. When
// the disk fails, or the files are damaged, the trees are stopped and nothing is
// signed until the files could be opened again, which it tries until ctx ends.
// The error is why nothing was signed at the end.
func (l *Ledger) Run(ctx context.Context) error {
	defer close(l.over)
	err := l.serve(ctx)
	for err != nil && l.comeBack(ctx, err) {
		err = l.serve(ctx)
	}
	l.shut()
	if err == nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastChance)
		defer cancel()
		err = l.round(last)
	}
	return errors.Join(err, l.Close())
}

// serve makes rounds until ctx ends, or something fails.
func (l *Ledger) serve(ctx context.Context) error {
	tick := time.NewTicker(l.cfg.Interval)
	defer tick.Stop()
	var err error
	for err == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			if err = l.round(ctx); err == nil {
				err = l.beat()
			}
		case r := <-l.erasing:
			err = l.erase(ctx, r)
		case r := <-l.mended:
			err = l.putRebuilt(r)
		case <-l.early:
			err = l.drain(ctx)
			if err == nil && l.due() {
				err = l.round(ctx)
			}
		}
	}
	return err
}

// shut refuses all that comes, and lets go who waits. It waits for a tree that is
// being opened: the store is closed next.
func (l *Ledger) shut() {
	l.opening.Lock()
	defer l.opening.Unlock()
	l.mu.Lock()
	l.mu.closed = true
	partitions := slices.Collect(maps.Values(l.mu.partitions))
	l.mu.Unlock()
	for _, p := range partitions {
		p.stop()
	}
}
