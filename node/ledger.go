package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/erasure"
	"github.com/evidentlog/evident/internal/ledger/follow"
	"github.com/evidentlog/evident/internal/ledger/local"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/ledger/search"
	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/ledger/store"
	witnesses "github.com/evidentlog/evident/internal/ledger/witness/client"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/proof"
)

// ledgerDir is the ledger's folder in the data folder.
const ledgerDir = "ledger"

// ledgerTail is how many bytes of the log's end are kept in memory for a ledger: it
// falls behind a busy producer by some tenths of a second, and what is not in memory
// has to be read from the disk that is being written to, which is slower than what
// comes: a ledger that is behind once would stay so. By default producers are made to
// wait from as many bytes on, half of [lag.DefaultTotal], so that it finds its way back.
const ledgerTail = 256 << 20

// provable is the node's ledger with what feeds it.
type provable struct {
	*ledger.Ledger
	reader    opening.Reader
	follower  *follow.Follower
	searcher  *search.Searcher // nil without an index
	eraser    *erasure.Eraser
	witnesses *witnesses.Client     // nil without a policy
	failed    atomic.Pointer[error] // why it stopped
}

// startLedger opens the ledger, unless starting ends, and follows the engine's
// topics until ctx ends.
func (n *Node) startLedger(starting, ctx context.Context) error {
	alarm, err := n.alarms()
	if err != nil {
		return err
	}
	shared, err := n.openBucket()
	if err != nil {
		return err
	}
	client, err := n.engine.Client()
	if err != nil {
		return err
	}
	reading, err := n.engine.Client() // its own, since fetches of one client wait for one another
	if err != nil {
		client.Close()
		return err
	}
	closeClients := func() {
		reading.Close()
		client.Close()
	}
	ix, err := n.openIndex()
	if err != nil {
		closeClients()
		return err
	}
	l, err := ledger.OpenShared(starting, ledger.Config{ // last: from here on it is Run that closes it
		FS: n.cfg.FS, Dir: filepath.Join(n.cfg.Data, ledgerDir), Origin: n.cfg.LedgerOrigin, External: n.cfg.Cluster != nil,
		Index: ix, Policy: n.cfg.LedgerPolicy, Receipts: &n.anchors, Logger: n.cfg.Logger, Keys: n.cfg.LedgerKey,
		Metrics: n.cfg.Metrics, Alarm: func(a string) { alarm(follow.Alarm(a)) },
	}, shared)
	if err != nil {
		closeClients()
		return fmt.Errorf("ledger: %w", err)
	}
	asked, err := n.askWitnesses(ctx, l)
	if err != nil {
		closeClients()
		return errors.Join(fmt.Errorf("ledger: %w", err), l.Close())
	}
	group, assigned, err := n.joinGroup()
	if err != nil {
		closeClients()
		return errors.Join(err, l.Close())
	}
	n.cfg.Logger.Info("the ledger makes records provable under this name", "origin", l.Origin())
	if strings.HasPrefix(l.Origin(), ledger.Unnamed) {
		n.cfg.Logger.Info("nobody has named this deployment: to give it a name that proofs can bear, such as example.com/events, set ledger-origin before there is a ledger")
	}
	follower := follow.New(follow.Config{
		Client: client, Reader: n.logReader(), Ledger: l, Exclude: n.cfg.LedgerExclude, Assigned: assigned, Declared: n.declaredOf, Begin: n.declaredRead(), Alarm: alarm, Logger: n.cfg.Logger,
	})
	n.follower.Store(follower)
	n.ledger = &provable{Ledger: l, reader: opening.Reader{Client: reading}, follower: follower, witnesses: asked}
	if n.ledger.searcher, err = n.newSearcher(n.ledger, ix, assigned); err != nil {
		group.Close()
		closeClients()
		return errors.Join(err, l.Close())
	}
	n.ledger.eraser = n.newEraser(n.ledger, ix)
	following, stop := context.WithCancel(ctx)
	n.servers.Go(func() { n.ledger.eraser.Run(following) })
	n.servers.Go(func() {
		defer stop()
		defer closeClients()
		n.ledger.end(l.Run(ctx))
		if err := n.ledger.trouble(); err != nil {
			n.cfg.Logger.Error("the ledger could not be closed in order: what it lacks, it makes at the next start", "error", err)
		}
	})
	n.runWitnesses(following, asked)
	n.servers.Go(func() { l.WatchKept(following) })
	if n.behind != nil {
		n.servers.Go(func() { n.behind.Run(ctx) })
	}
	indexing, stopIndex := context.WithCancel(context.WithoutCancel(ctx))
	n.runIndex(indexing, following)
	n.servers.Go(func() {
		defer stopIndex() // nothing comes any more
		defer group.Close()
		_ = follower.Run(following) // ends with the ledger, which tells why
	})
	if err := n.openAnchors(l); err != nil {
		return err
	}
	n.runAnchors(ctx)
	return nil
}

// logReader makes what reads the node's own log for the ledger; nil on a cluster.
func (n *Node) logReader() func(leader int32) source.Reader {
	if n.log == nil {
		return nil
	}
	return func(int32) source.Reader { return local.New(n.log) }
}

// hold is from which offset on the log must keep a partition's records, so that
// none goes before it has a leaf.
func (n *Node) hold(id log.ID) int64 {
	offset, _ := n.covered(id)
	return offset
}

// covered is up to which offset the ledger has a partition's records, if that is
// known.
func (n *Node) covered(id log.ID) (offset int64, known bool) {
	f := n.follower.Load()
	switch {
	case !follow.Provable(id.Topic):
		return math.MaxInt64, true
	case f == nil:
		return 0, false // the log was only just opened
	}
	return f.Covered(id.TopicID, id.Partition)
}

func (p *provable) end(err error) {
	if err != nil {
		p.failed.Store(&err)
	}
}

// trouble is why nothing becomes provable: the ledger has stopped, for a while or
// for good.
func (p *provable) trouble() error {
	if err := p.Err(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := p.failed.Load(); err != nil {
		return fmt.Errorf("ledger: %w", *err)
	}
	return nil
}

// serveProof answers with the proof file of a record.
func (p *provable) serveProof(w http.ResponseWriter, r *http.Request) {
	at, err := place(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f, err := p.prove(r.Context(), at, wishOf(r.URL.Query()))
	answerProof(w, f, err)
}

// answerProof answers with a proof file, or with why there is none.
func answerProof(w http.ResponseWriter, f *proof.File, err error) {
	switch {
	case errors.Is(err, ledger.ErrNotAnchored): // it may take hours: nobody should wait for it
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, ledger.ErrNotYet), errors.Is(err, ledger.ErrNotWitnessed):
		w.Header().Set("Retry-After", "1") // a round of the ledger
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, store.ErrErased):
		http.Error(w, err.Error(), http.StatusGone)
	case errors.Is(err, opening.ErrNoRecord), errors.Is(err, ledger.ErrNoTree), errors.Is(err, errTurnedOff):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, opening.ErrNotCommitted):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		search.Refuse(w, err)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprint(w, f) // a client that is gone needs no answer
	}
}

// Prove makes the proof file of a record, as soon as it is in the ledger and, with
// Config.LedgerPolicy, witnessed. It gives up when ctx ends. The node must have a
// ledger.
func (n *Node) Prove(ctx context.Context, topic string, partition int32, offset int64) (*proof.File, error) {
	if n.ledger == nil {
		return nil, errNoLedger
	}
	for {
		f, err := n.ledger.prove(ctx, opening.Place{Topic: topic, Partition: partition, Offset: offset}, wish{})
		if !errors.Is(err, ledger.ErrNotYet) && !errors.Is(err, ledger.ErrNotWitnessed) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(proveAgain):
		}
	}
}

// proveAgain is a part of the second that a round of the ledger takes.
const proveAgain = 50 * time.Millisecond

var errNoLedger = errors.New("the node has no ledger: it is turned off, or the node runs on a cluster and Config.LedgerOrigin is not set")

// ProofKeys are the keys that sign the node's ledger; none without a ledger.
func (n *Node) ProofKeys() []*proof.Verifier {
	if n.ledger == nil {
		return nil
	}
	return n.ledger.Verifiers()
}

func place(r *http.Request) (opening.Place, error) {
	partition, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	if err != nil || partition < 0 {
		return opening.Place{}, fmt.Errorf("%q is no number of a partition", r.PathValue("partition"))
	}
	offset, err := strconv.ParseInt(r.PathValue("offset"), 10, 64)
	if err != nil || offset < 0 {
		return opening.Place{}, fmt.Errorf("%q is no offset", r.PathValue("offset"))
	}
	return opening.Place{Topic: r.PathValue("topic"), Partition: int32(partition), Offset: offset}, nil
}

// A wish is what a proof should have, or do without.
type wish struct {
	alone    bool // do not wait for witnesses
	anchored bool // rather none than one without a receipt
}

func wishOf(query url.Values) wish {
	return wish{alone: query.Get(unwitnessed) != "", anchored: query.Get(anchored) != ""}
}

// prove makes the proof file of a record of the newest generation, with the
// earliest time that anchors make certain, if they do. Unless alone, it has
// a checkpoint that fulfils the policy, if there is one.
func (p *provable) prove(ctx context.Context, at opening.Place, want wish) (*proof.File, error) {
	id, records, err := p.reader.Read(ctx, at)
	if errors.Is(err, opening.ErrNoRecord) {
		err = cmp.Or(p.wasErased(at), err)
	}
	if err != nil {
		return nil, err
	}
	origin, err := p.NewestOf(proof.Tree{Topic: at.Topic, TopicID: id, Partition: at.Partition})
	if errors.Is(err, ledger.ErrNotYet) && p.follower.LeavesOut(id) {
		err = fmt.Errorf("%w: it is turned off for topic %q", ledger.ErrNoTree, at.Topic)
	}
	if err != nil {
		return nil, err
	}
	if err := p.WasErased(origin, at.Offset); err != nil {
		return nil, fmt.Errorf("%s/%d: %w", at.Topic, at.Partition, err)
	}
	if size, ended := p.Ended(proof.Tree{Topic: at.Topic, TopicID: id, Partition: at.Partition}); ended && at.Offset >= size && p.follower.LeavesOut(id) {
		return nil, fmt.Errorf("%v: %w: at offset %d, and what came after that has no proof", at, errTurnedOff, size)
	}
	f, err := p.proveAll(ctx, want, origin, records)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", at, err)
	}
	return f, nil
}

// errTurnedOff says that a record came after the ledger was turned off for its topic.
var errTurnedOff = errors.New("the ledger was turned off for this topic")

// proveAll makes the proof file of records of one tree.
func (p *provable) proveAll(ctx context.Context, want wish, origin string, records []ledger.Opened) (*proof.File, error) {
	f, err := p.ProveAnchored(origin, want.alone, records...)
	switch {
	case !errors.Is(err, ledger.ErrNotAnchored) || want.anchored:
		return f, err
	case want.alone:
		return p.Prove(origin, records...)
	}
	return p.ProveWitnessed(ctx, origin, records...)
}
