package node

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/anchor"
	ethereumanchor "github.com/evidentlog/evident/internal/ledger/anchor/ethereum"
	timestamps "github.com/evidentlog/evident/internal/ledger/anchor/opentimestamps"
	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/proof"
	"github.com/evidentlog/evident/proof/ethereum"
)

// PublicCalendars stands for the public calendars of OpenTimestamps in
// Config.AnchorOpenTimestamps.
const PublicCalendars = "public"

// AnchorEthereum says in which contract checkpoints are anchored.
type AnchorEthereum struct {
	// URL is of a node's JSON-RPC.
	URL string
	// Contract is its address, with 0x.
	Contract string
	// Key gives the private key of the contract's owner, in hexadecimal.
	Key func() (string, error)
	// MaxFee is how many gwei a unit of gas may cost. No limit if 0.
	MaxFee int
}

// anchored is the parameter that asks for a proof with a receipt, or none.
const anchored = "anchored"

// receiptsFile is in the ledger's folder.
const receiptsFile = "receipts"

// timestampsPoll is how often calendars are asked for what they have promised,
// which takes them hours.
const timestampsPoll = 10 * time.Minute

// anchors are where the ledger's checkpoints are anchored, and the receipts of
// all times.
type anchors struct {
	store   *anchor.Store // nil until the ledger is open
	runners []*anchor.Runner
}

var _ ledger.Receipts = (*anchors)(nil)

// Of implements ledger.Receipts.
func (a *anchors) Of(size int64) ([]proof.Receipt, error) { return a.store.Of(size) }

// First implements ledger.Receipts.
func (a *anchors) First(from int64) (size int64, ok bool) { return a.store.First(from) }

// openAnchors opens the receipts of a ledger, which are there also when nothing
// is anchored any more, and prepares what the configuration asks for.
func (n *Node) openAnchors(l *ledger.Ledger) (err error) {
	dir := filepath.Join(n.cfg.Data, ledgerDir)
	if err = n.cfg.FS.MkdirAll(dir); err == nil { // a ledger in a bucket has no folder
		n.anchors.store, err = anchor.OpenStore(n.cfg.FS, filepath.Join(dir, receiptsFile))
	}
	if err != nil {
		return fmt.Errorf("%w; restore the file from a copy, or move it away and do without the receipts in it", err)
	}
	places, err := n.places()
	if err != nil || len(places) == 0 {
		return err
	}
	metrics, err := anchor.NewMetrics(n.cfg.Metrics)
	if err != nil {
		return err
	}
	for _, p := range places {
		poll := anchor.DefaultPoll
		if p.Kind() == timestamps.Kind {
			poll = timestampsPoll
		}
		n.anchors.runners = append(n.anchors.runners, anchor.NewRunner(anchor.Config{
			Anchor: p, Store: n.anchors.store, Interval: n.cfg.AnchorInterval, Poll: poll,
			Newest:  func() (anchor.Checkpoint, error) { return checkpoint(l.ToAnchor()) },
			Kept:    func(size int64) (anchor.Checkpoint, error) { return checkpoint(l.Kept().At(size)) },
			Metrics: metrics, Logger: n.cfg.Logger,
		}))
	}
	return nil
}

func checkpoint(k checkpoints.Kept, err error) (anchor.Checkpoint, error) {
	return anchor.Checkpoint{Checkpoint: k.Checkpoint, Note: string(k.Note)}, err
}

// places are the anchors that the configuration names.
func (n *Node) places() (places []anchor.Anchor, err error) {
	if calendars := n.cfg.calendars(); len(calendars) > 0 {
		if len(calendars) == 1 {
			n.cfg.Logger.Warn("one calendar of OpenTimestamps is asked: if it lies, only who checks a receipt against a block finds out, and has no other; give two, of two operators", "calendar", calendars[0])
		}
		places = append(places, timestamps.New(timestamps.Config{Calendars: calendars, Client: anchor.NewClient(), Logger: n.cfg.Logger}))
	}
	e := n.cfg.AnchorEthereum
	if e == nil {
		return places, nil
	}
	contract, err := ethereum.ParseAddress(e.Contract)
	if err != nil {
		return nil, err
	}
	text, err := e.Key()
	if err != nil {
		return nil, fmt.Errorf("key of the Ethereum anchor: %w", err)
	}
	key, err := ethereumanchor.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("key of the Ethereum anchor: %w", err)
	}
	cfg := ethereumanchor.Config{URL: e.URL, Contract: contract, Key: key, Client: anchor.NewClient()}
	if e.MaxFee > 0 {
		const weiPerGwei = 1_000_000_000
		cfg.MaxFee = new(big.Int).Mul(big.NewInt(int64(e.MaxFee)), big.NewInt(weiPerGwei))
	}
	return append(places, ethereumanchor.New(cfg)), nil
}

// runAnchors anchors checkpoints until ctx ends.
func (n *Node) runAnchors(ctx context.Context) {
	for _, r := range n.anchors.runners {
		n.servers.Go(func() {
			if err := r.Run(ctx); err != nil {
				n.cfg.Logger.Error("nothing is anchored any more until the node is started again", "error", err)
			}
		})
	}
}

// closeAnchors closes the receipts, when nobody asks for them any more.
func (n *Node) closeAnchors() error {
	if n.anchors.store == nil {
		return nil
	}
	return n.anchors.store.Close()
}

// calendars are those of OpenTimestamps.
func (c *Config) calendars() []string {
	var all []string
	for _, given := range c.AnchorOpenTimestamps {
		if given == PublicCalendars {
			all = append(all, timestamps.PublicCalendars()...)
			continue
		}
		all = append(all, strings.TrimSuffix(given, "/"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c *Config) validateAnchors() error {
	var errs []error
	for _, given := range c.AnchorOpenTimestamps {
		if given != PublicCalendars && !isWebAddress(given) {
			errs = append(errs, fmt.Errorf("calendar %q: want a URL such as https://calendar.example.org, or %q", given, PublicCalendars))
		}
	}
	if e := c.AnchorEthereum; e != nil {
		if !isWebAddress(e.URL) {
			errs = append(errs, errors.New("the Ethereum anchor needs the URL of a node's JSON-RPC"))
		}
		if _, err := ethereum.ParseAddress(e.Contract); err != nil {
			errs = append(errs, fmt.Errorf("contract of the Ethereum anchor: %w", err))
		}
		if e.Key == nil {
			errs = append(errs, errors.New("the Ethereum anchor needs the private key of its contract's owner"))
		}
	}
	if (len(c.AnchorOpenTimestamps) > 0 || c.AnchorEthereum != nil) && c.Ledger != nil && !*c.Ledger {
		errs = append(errs, errors.New("there is nothing to anchor without a ledger: turn it on, or leave the anchors out"))
	}
	if c.AnchorInterval < 0 {
		errs = append(errs, fmt.Errorf("anchor interval %v: want a time that is not negative", c.AnchorInterval))
	}
	return errors.Join(errs...)
}

func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
