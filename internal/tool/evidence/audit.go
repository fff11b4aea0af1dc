package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/evidentlog/evident/internal/ledger/audit"
	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/progress"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// Audit is "evident ledger audit".
type Audit struct {
	// Keys and Policy are as in [Verify]; without them the node's own keys are used,
	// and the report says so.
	Keys   []string
	Policy string
	// Topics are names of topics, or TOPIC/PARTITION; all if empty.
	Topics []string
	// TokenFile has the node's token, which salts need from another machine; empty for none.
	TokenFile string
	// State is the folder that lets an audit that was interrupted go on.
	State string
}

// Audited is what "evident ledger audit" prints for scripts.
type Audited struct {
	*audit.Report
	OK bool `json:"ok"`
	// KeysFromNode tells that the keys are those that the node itself shows.
	KeysFromNode bool `json:"keys_from_node"`
}

// Run audits the ledger of the node whose HTTP is at a URL.
func (a Audit) Run(ctx context.Context, env tool.Env, at string) error {
	t, err := tool.ReadingToken(a.TokenFile)
	if err != nil {
		return err
	}
	site, err := remote.NewSite(at, remote.Config{Header: t.Header()})
	if err != nil {
		return &tool.UsageError{Err: err}
	}
	chosen, err := selection(a.Topics)
	if err != nil {
		return err
	}
	trust, err := readTrust(a.Keys, a.Policy)
	if err != nil {
		return err
	}
	fromNode := len(trust.LogKeys()) == 0
	if fromNode {
		if trust.Keys, err = nodeKeys(ctx, site); err != nil {
			return err
		}
	}
	client, err := env.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	bar := &auditBar{env: env}
	defer bar.stop()
	report, err := audit.Run(ctx, audit.Config{
		Site: site, Trust: trust, Client: client.Client, Select: chosen, FS: vfs.OS(), Dir: a.State,
		Parallel: runtime.GOMAXPROCS(0), Total: bar.total, Added: bar.added,
	})
	bar.stop()
	if errors.As(err, new(*url.Error)) { // of HTTP, where no broker is
		return fmt.Errorf("cannot reach the node's HTTP: %w", err)
	}
	if err != nil {
		return client.Explain(ctx, err)
	}
	return a.tell(env, Audited{report, len(report.Findings) == 0, fromNode})
}

// nodeKeys are the keys that the node shows.
func nodeKeys(ctx context.Context, site *remote.Site) (keys []*proof.Verifier, err error) {
	b, err := site.Get(ctx, "ledger/vkey")
	if errors.Is(err, remote.ErrNotFound) {
		return nil, fmt.Errorf("the node has no ledger: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("the node's keys: %w", err)
	}
	for _, line := range strings.Fields(string(b)) {
		k, err := proof.ParseVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("the node's keys: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// selection tells which trees were asked for; nil for all.
func selection(topics []string) (func(proof.Tree) bool, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	for _, given := range topics {
		if _, partition, ok := strings.Cut(given, "/"); ok {
			if n, err := strconv.ParseInt(partition, 10, 32); err != nil || n < 0 {
				return nil, tool.Usagef("--topic %q: %q is no number of a partition: write TOPIC, or TOPIC/PARTITION, as in orders/3", given, partition)
			}
		}
	}
	return func(t proof.Tree) bool {
		return slices.Contains(topics, t.Topic) || slices.Contains(topics, fmt.Sprintf("%s/%d", t.Topic, t.Partition))
	}, nil
}

// An auditBar shows how far an audit is, if somebody looks.
type auditBar struct {
	env tool.Env
	bar atomic.Pointer[progress.Bar]
}

func (b *auditBar) total(n int64) {
	if b.env.Progress {
		b.bar.Store(progress.Start(b.env.Err, "records", n))
	}
}

func (b *auditBar) added(n int64) { b.bar.Load().Add(n) }

func (b *auditBar) stop() { b.bar.Swap(nil).Stop() }

// tell prints the report. What does not fit makes the command fail.
func (a Audit) tell(env tool.Env, r Audited) error {
	if err := env.Print(r, r.text); err != nil {
		return err
	}
	if r.OK {
		return nil
	}
	return fmt.Errorf("the audit FAILED: %s", tool.Plural(len(r.Findings), "finding"))
}

func (r Audited) text(w io.Writer) {
	for i := range r.Trees {
		t := &r.Trees[i]
		fmt.Fprintf(w, "%s/%d, generation %d: %s\n", t.Topic, t.Partition, t.Generation, r.verdict(t.Origin))
		fmt.Fprintf(w, "  %s recomputed from the log, %d known only by their entry (removed), %d erased, %d without a record\n",
			tool.Plural(t.Recomputed, "record"), t.Removed, t.Erased, t.Lost)
	}
	r.rootText(w)
	if r.Unknown > 0 {
		fmt.Fprintf(w, "Passed over: %s of kinds that this program does not know.\n", entries(r.Unknown))
	}
	if r.KeysFromNode {
		fmt.Fprintln(w, "The keys are those that the node itself shows: give those of the log's owner with --vkey.")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "DOES NOT FIT: %s: %s\n", f.Log, f.Message)
	}
}

func (r *Audited) rootText(w io.Writer) {
	if r.Origin == "" {
		return // it has no checkpoint to speak of
	}
	fmt.Fprintf(w, "Root log %s: %s, %s kept and compared", r.Origin, entries(r.RootEntries), tool.Plural(r.Checkpoints, "checkpoint"))
	if r.Quorate > 0 {
		fmt.Fprintf(w, ", %d of them as the policy asks", r.Quorate)
	}
	fmt.Fprintln(w)
}

func (r *Audited) verdict(origin string) string {
	if slices.ContainsFunc(r.Findings, func(f audit.Finding) bool { return f.Log == origin }) {
		return "DOES NOT FIT"
	}
	return "fits"
}
