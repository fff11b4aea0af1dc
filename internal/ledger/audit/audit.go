package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// Config says what is audited, and how.
type Config struct {
	Site   *remote.Site // the node's HTTP
	Trust  proof.Trust  // whose signatures are believed
	Client *kgo.Client  // of the cluster that has the records
	// Select tells which trees are audited; all if nil.
	Select func(proof.Tree) bool
	// FS and Dir are a folder of the audit's own. What is in it lets an audit that
	// was interrupted go on.
	FS  vfs.FS
	Dir string
	// Parallel is how many trees are audited side by side; 1 if 0.
	Parallel int
	// Total is told how many entries there are to look at, Added how many more were
	// looked at. Both may be nil.
	Total, Added func(int64)
	Now          func() time.Time // time.Now if nil
}

// A Report says what was compared, and what does not fit.
type Report struct {
	Origin      string       `json:"origin"`
	RootEntries int64        `json:"root_entries"`
	Checkpoints int64        `json:"kept_checkpoints"` // that the root log agrees with
	Quorate     int64        `json:"kept_with_quorum"` // of these, those that fulfil the policy
	Unknown     int64        `json:"unknown_entries"`  // of the root log: of newer kinds
	Trees       []TreeReport `json:"trees"`
	Findings    []Finding    `json:"findings"`
}

// A TreeReport is what was compared of one tree.
type TreeReport struct {
	Origin     string `json:"origin"`
	Topic      string `json:"topic"`
	TopicID    string `json:"topic_id"`
	Partition  int32  `json:"partition"`
	Generation int32  `json:"generation"`
	Closed     bool   `json:"closed"`
	Size       int64  `json:"size"`
	Heads      int64  `json:"heads"` // compared since the audit was started last
	Counts
}

// An Audit is one run.
type Audit struct {
	cfg    Config
	origin string
	trees  map[proof.Tree]*treeLog
	topics map[string]bool // that the root log has
	report Report

	mu struct {
		sync.Mutex
		state *state
		saved time.Time
	}
}

// ErrNothing says that the root log has no tree that was asked for.
var ErrNothing = errors.New("the root log has no such tree")

// Run audits. What does not fit is in the report; the error tells why the audit
// could not be done, or not to its end.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Total == nil {
		cfg.Total = func(int64) {}
	}
	if cfg.Added == nil {
		cfg.Added = func(int64) {}
	}
	a := &Audit{cfg: cfg, trees: map[proof.Tree]*treeLog{}, topics: map[string]bool{}}
	a.report.Trees, a.report.Findings = []TreeReport{}, []Finding{}
	lock, err := a.open()
	if err != nil {
		return nil, err
	}
	err = a.run(ctx)
	if err == nil {
		err = a.clear()
	}
	return &a.report, errors.Join(err, lock.Close())
}

func (a *Audit) run(ctx context.Context) error {
	if err := a.readRoot(ctx); err != nil {
		return a.found(err)
	}
	if len(a.trees) == 0 && a.cfg.Select != nil {
		return fmt.Errorf("%w; it has trees of %s", ErrNothing, strings.Join(slices.Sorted(maps.Keys(a.topics)), ", "))
	}
	if err := a.findSources(ctx); err != nil {
		return fmt.Errorf("the cluster with the records: %w", err)
	}
	list := slices.SortedFunc(maps.Values(a.trees), func(x, y *treeLog) int { return strings.Compare(x.Origin(), y.Origin()) })
	total := int64(0)
	for _, t := range list {
		total += t.newest.Size - a.progress(t).size
	}
	a.cfg.Total(total)
	return a.auditTrees(ctx, list)
}

// auditTrees audits trees side by side. A finding ends the audit of its tree
// only, any other error all of it.
func (a *Audit) auditTrees(ctx context.Context, list []*treeLog) error {
	reports := make([]*TreeReport, len(list))
	err := remote.Each(ctx, len(list), max(1, a.cfg.Parallel), func(ctx context.Context, i int) error {
		r, err := a.auditTree(ctx, list[i])
		reports[i] = &r
		return a.found(err)
	})
	for _, r := range reports {
		if r != nil && (err == nil || r.Counts != Counts{}) {
			a.report.Trees = append(a.report.Trees, *r)
		}
	}
	return err
}

// found puts a finding into the report. Other errors it returns.
func (a *Audit) found(err error) error {
	var f *Finding
	if !errors.As(err, &f) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Findings = append(a.report.Findings, *f)
	return nil
}

func (a *Audit) selected(t proof.Tree) bool { return a.cfg.Select == nil || a.cfg.Select(t) }

// wantedTopics are the names of the topics whose trees are audited.
func (a *Audit) wantedTopics() iter.Seq[string] {
	names := map[string]bool{}
	for t := range a.trees {
		names[t.Topic] = true
	}
	return maps.Keys(names)
}
