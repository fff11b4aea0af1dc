package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/proof"
)

// DefaultInterval is the time between checkpoints that witnesses are asked for.
const DefaultInterval = 10 * time.Second

// A Log is what is to be witnessed.
type Log interface {
	// Size is that of the newest checkpoint that was signed.
	Size() int64
	// KeepNewest keeps the newest checkpoint, and returns it.
	KeepNewest() (checkpoints.Kept, error)
	// CosignedSize is the largest size that a witness is known to have cosigned,
	// -1 if there is none.
	CosignedSize(witness *proof.Verifier) int64
	// Consistency proves that a checkpoint continues the log at a size.
	Consistency(c proof.Checkpoint, old int64) ([]proof.Hash, error)
	// Cosign keeps a cosignature that was verified.
	Cosign(c proof.Checkpoint, witness *proof.Verifier, sig []byte) error
	// Wanted is sent to when somebody waits for the next checkpoint.
	Wanted() <-chan struct{}
}

// Config configures a [Client].
type Config struct {
	Log    Log
	Policy *proof.Policy
	// Await waits for the log to reach a size that a witness has of it, for so long
	// as it may be that it is only late: where other nodes write it too. It may be nil.
	Await func(ctx context.Context, size int64)
	// Interval is the time between checkpoints that nobody waits for.
	// DefaultInterval if 0.
	Interval time.Duration
	// Transport makes requests; http.DefaultTransport if nil.
	Transport http.RoundTripper
	Logger    *slog.Logger
	Metrics   prometheus.Registerer // none if nil
	Now       func() time.Time      // time.Now if nil
}

// A Client asks the witnesses of a policy.
type Client struct {
	cfg       Config
	witnesses []*witness
	target    atomic.Pointer[checkpoints.Kept] // what is to be cosigned
}

// New makes a client, or says why the policy cannot be fulfilled.
func New(cfg Config) (*Client, error) {
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{cfg: cfg}
	byURL := map[string]*witness{}
	var reachable []*proof.Verifier
	for _, w := range cfg.Policy.Witnesses {
		if w.URL == "" {
			continue
		}
		at, err := submission(w.URL)
		if err != nil {
			return nil, fmt.Errorf("witness %s: %w", w.Name, err)
		}
		if byURL[at] == nil {
			byURL[at] = newWitness(c, at)
		}
		byURL[at].add(w)
		reachable = append(reachable, w.Key)
	}
	if !cfg.Policy.Fulfilled(reachable) {
		return nil, errors.New("the policy's quorum cannot be reached: too few of its witnesses have a URL to send checkpoints to")
	}
	c.witnesses = slices.SortedFunc(maps.Values(byURL), func(a, b *witness) int { return strings.Compare(a.url, b.url) })
	return c, c.measure()
}

// submission checks a submission prefix.
func submission(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is no URL of a witness, such as https://witness.example/prefix", text)
	}
	return strings.TrimSuffix(text, "/"), nil
}

// Run asks until ctx ends, one goroutine a witness.
func (c *Client) Run(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	for _, w := range c.witnesses {
		asking.Go(func() { w.run(ctx) })
	}
	tick := time.NewTicker(c.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.cfg.Log.Wanted():
		}
		if err := c.aim(); err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("witnesses have nothing to cosign", "error", err) // until the disk is well again
		}
	}
}

// aim makes the newest checkpoint the one that all witnesses are asked for.
func (c *Client) aim() error {
	if t := c.target.Load(); t != nil && t.Size >= c.cfg.Log.Size() {
		return nil
	}
	newest, err := c.cfg.Log.KeepNewest()
	if err != nil {
		return fmt.Errorf("a checkpoint for witnesses: %w", err)
	}
	c.target.Store(&newest)
	for _, w := range c.witnesses {
		w.notify()
	}
	return nil
}

// Alarm tells which witnesses have seen another history, if the quorum cannot be
// reached without them; nil if it can.
func (c *Client) Alarm() error {
	var alarms []error
	var calm []*proof.Verifier
	for _, w := range c.witnesses {
		if err := w.alarmed(); err != nil {
			alarms = append(alarms, err)
			continue
		}
		for _, k := range w.keys {
			calm = append(calm, k.Key)
		}
	}
	if c.cfg.Policy.Fulfilled(calm) {
		return nil
	}
	return errors.Join(alarms...)
}
