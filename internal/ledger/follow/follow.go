package follow

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/fetch"
	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/proof"
)

const (
	// refreshEvery is how often topics are looked for, but no more often than
	// lets it take refreshShare of the time: a cluster may have many.
	refreshEvery = 2 * time.Second
	refreshShare = 50
	// patience is how long a read waits for something to come: a little less than
	// the ledger's rounds, so that idle partitions cost one request a round; and
	// longer for many partitions, each of which costs a broker something each time.
	patience     = 500 * time.Millisecond
	patienceEach = 200 * time.Microsecond
	patienceMost = 5 * time.Second
	// retryAfter is how long a partition rests after an error.
	retryAfter = 200 * time.Millisecond
)

// Config says what is followed.
type Config struct {
	Client *kgo.Client
	// Reader makes what reads the partitions that a broker leads. The follower closes
	// it. If nil they are fetched by Client.
	Reader func(leader int32) source.Reader
	Ledger *ledger.Ledger
	// Exclude are patterns, as of [path.Match], of names of topics that are not
	// followed.
	Exclude []string
	// Assigned tells which partitions are this node's; all of them if nil. It may
	// change its mind.
	Assigned func(topic string, partition int32) bool
	// Declared are Evident's own settings of a topic as somebody has declared them,
	// which win over the topic's own and over Exclude. Nil: nothing is declared.
	Declared func(topic string) map[string]string
	// Begin is closed when Declared knows what there is; nothing is followed before
	// that. Nil: it does from the beginning.
	Begin <-chan struct{}
	// Alarm is told what an operator has to look at; nil: only the log is.
	Alarm  func(Alarm)
	Logger *slog.Logger
}

// A Follower follows all user topics of a cluster.
type Follower struct {
	cfg      Config
	settings settings           // of the goroutine of Run
	adopted  bool               // the trees that are open, and nobody follows; likewise
	stops    int64              // of the ledger, when they were; likewise
	rebuilds int64              // of the ledger, when broken trees were looked at; likewise
	broken   map[key]*waiting   // whose trees cannot be opened; of the goroutine of Run
	readings map[int32]*reading // by leader; likewise

	mu struct {
		sync.Mutex
		followed map[key]*followed
		lags     map[topicID]int64 // how far the ledger may fall behind, where it is not DefaultLag
		others   map[topicID]bool  // ids of topics that are not followed
		noIndex  map[topicID]bool  // ids of topics that are followed, and not indexed
	}
}

// A key names a partition of one topic, which may have had the same name before.
type key = source.Key

// followed is a partition as it is followed. One goroutine at a time has it.
type followed struct {
	key
	topic    string
	leader   int32
	tree     *ledger.Partition // replaced under Follower.mu
	waiting  waiting           // after errors
	compared bool              // the log is known to be the one that the tree was made of
	epoch    int32             // of the leader that wrote what was added last
	missed   int               // how often in a row it was not there
}

// New makes a follower.
func New(cfg Config) *Follower {
	if cfg.Reader == nil {
		cfg.Reader = func(leader int32) source.Reader { return fetch.NewReader(cfg.Client, leader) }
	}
	f := &Follower{cfg: cfg, broken: map[key]*waiting{}, readings: map[int32]*reading{}}
	f.settings = settings{
		client: cfg.Client, exclude: cfg.Exclude, declared: cfg.Declared, logger: cfg.Logger,
		off: map[topicID]bool{}, noIndex: map[topicID]bool{}, lag: map[topicID]int64{},
	}
	f.mu.followed = map[key]*followed{}
	return f
}

// Run follows until ctx ends, or the ledger is closed, which is ErrClosed. Errors
// of the cluster are waited out and logged, and so is a ledger that has stopped.
func (f *Follower) Run(ctx context.Context) error {
	defer f.endReadings(func(int32) bool { return true })
	if f.cfg.Begin != nil {
		select {
		case <-ctx.Done():
		case <-f.cfg.Begin:
		}
	}
	for ctx.Err() == nil {
		began := time.Now()
		if err := f.refresh(ctx); err != nil {
			if errors.Is(err, ledger.ErrClosed) || ctx.Err() != nil {
				break
			}
			if errors.Is(err, ledger.ErrStopped) { // which was logged
				wait(ctx, patience)
				continue
			}
			f.cfg.Logger.Warn("the ledger cannot learn which topics there are, and tries again", "error", err)
			wait(ctx, retryAfter)
			continue
		}
		f.readAll(ctx, time.Now().Add(max(refreshEvery, refreshShare*time.Since(began))))
	}
	if ctx.Err() != nil {
		return nil
	}
	return ledger.ErrClosed
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// readAll reads from all leaders side by side until a time.
func (f *Follower) readAll(ctx context.Context, until time.Time) {
	byLeader := map[int32][]*followed{}
	f.mu.Lock()
	for _, p := range f.mu.followed {
		if p.missed > 0 {
			continue
		}
		byLeader[p.leader] = append(byLeader[p.leader], p)
	}
	f.mu.Unlock()
	f.endReadings(func(leader int32) bool { return byLeader[leader] == nil })
	if len(byLeader) == 0 {
		wait(ctx, patience)
		return
	}
	var loops sync.WaitGroup
	for leader, partitions := range byLeader {
		r := f.readings[leader]
		if r == nil {
			r = &reading{f: f, reader: f.cfg.Reader(leader), resting: map[key]*followed{}}
			f.readings[leader] = r
		}
		loops.Go(func() { r.run(ctx, partitions, until) })
	}
	loops.Wait()
}

// endReadings closes the readers of some leaders.
func (f *Follower) endReadings(of func(leader int32) bool) {
	for leader, r := range f.readings {
		if of(leader) {
			r.reader.Close()
			delete(f.readings, leader)
		}
	}
}

// tree returns the ledger's tree of a partition, for the newest generation.
func (f *Follower) tree(topic string, k key) (*ledger.Partition, error) {
	return f.cfg.Ledger.Open(proof.Tree{Topic: topic, TopicID: base64.RawURLEncoding.EncodeToString(k.ID[:]), Partition: k.Number})
}

// Covered is up to which offset the ledger needs a partition's records no more, if
// that is known: it is not, and so nothing may go, while it is not known whether
// the partition is to be followed.
func (f *Follower) Covered(topicID [16]byte, partition int32) (offset int64, known bool) {
	f.mu.Lock()
	p, other := f.mu.followed[key{ID: topicID, Number: partition}], f.mu.others[topicID]
	var tree *ledger.Partition
	if p != nil {
		tree = p.tree
	}
	f.mu.Unlock()
	switch {
	case tree != nil:
		return tree.Durable(), true
	case other:
		return math.MaxInt64, true
	}
	return 0, false
}

// MaxLag is how many bytes of a partition of a topic may wait for the ledger.
func (f *Follower) MaxLag(topicID [16]byte) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, ok := f.mu.lags[topicID]; ok {
		return n
	}
	return DefaultLag
}

// LeavesOut tells whether a topic, with an id as origins have it, is one that the
// ledger is turned off for.
func (f *Follower) LeavesOut(id string) bool {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) != len(topicID{}) {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.others[topicID(b)]
}

// Unindexed tells whether a topic, with an id as origins have it, is one whose
// records are not indexed. One that was not looked at yet is none.
func (f *Follower) Unindexed(id string) bool {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) != len(topicID{}) {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.others[topicID(b)] || f.mu.noIndex[topicID(b)]
}

// name is the topic's; empty for nil, a partition that cannot be followed.
func (p *followed) name() string {
	if p == nil {
		return ""
	}
	return p.topic
}

func (p *followed) String() string { return fmt.Sprintf("%s/%d", p.topic, p.Number) }
