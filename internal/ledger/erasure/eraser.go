package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/proof"
)

// patience is how long records are waited for that are not in the ledger yet.
const patience = 30 * time.Second

// again is after how long it is tried again to erase what is still needed: a part
// of the second that a round of the ledger takes.
const again = 100 * time.Millisecond

// maxPasses is how often copies are looked for again, if each time there are new ones.
const maxPasses = 10

// An Eraser erases: salts in the ledger, and what the log and the index have.
type Eraser struct {
	Planner
	Ledger *ledger.Ledger
	Index  *index.Index // nil without one
	// Log has the records. nil: it is somebody else's, and keeps them.
	Log    Log
	Logger *slog.Logger
}

// A Log has the records. A log may be cut after an erasure was noted in the ledger
// and before it was done, and give the offsets to others; so it is told first what is
// meant.
type Log interface {
	// Announce makes durable that the records of a part are to be destroyed. The error
	// is ErrHeld of package log if they are still needed.
	Announce(Part) error
	// Destroy destroys what was announced of a part, and still has its offsets, which
	// it returns. An *UnreadableError of package log tells that some of it remains.
	Destroy(context.Context, Part) (Part, error)
	// Withdraw forgets what was announced of a part.
	Withdraw(Part) error
}

// Fates of a record.
const (
	Destroyed = "destroyed"
	Remains   = "remains" // the log is an external cluster's, or some are Unreadable
	Pending   = "pending" // noted, and tried again until it succeeds
	Failed    = "failed"  // nothing of it was done
	Planned   = "planned" // a dry run
)

// A Result is what became of a request.
type Result struct {
	By     string   `json:"by"`
	DryRun bool     `json:"dry_run"`
	Erased []Erased `json:"erased"`
}

// Erased is what became of offsets of a partition.
type Erased struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offsets   string `json:"offsets"` // as "1042,1050-1053"
	Count     int64  `json:"count"`
	// CopyOf is the topic with the records that these were copies of.
	CopyOf string `json:"copy_of,omitempty"`
	// Records tells the fate of what the log had: Destroyed, Remains, Pending, Failed,
	// Planned.
	Records string `json:"records"`
	Error   string `json:"error,omitempty"` // why they are pending or remain, or it failed
	// Unreadable are offsets that Remain in a log of the node's own: their batches
	// cannot be read. All offsets of such a batch together can be erased.
	Unreadable string `json:"unreadable,omitempty"`
	// Receipts are entries of the root log; none for a topic without a ledger.
	Receipts []Receipt `json:"receipts"`
}

// A Receipt is an entry of the root log that says that salts were destroyed.
type Receipt struct {
	Origin    string    `json:"origin"`
	RootIndex int64     `json:"root_index"`
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	Offsets   string    `json:"offsets"`
}

func receipts(list []ledger.Erased) []Receipt {
	out := make([]Receipt, len(list))
	for i, e := range list {
		out[i] = Receipt{e.Origin, e.RootIndex, e.Time, e.By, proof.FormatRanges(e.Offsets)}
	}
	return out
}

// Erase does what a request asks for, on behalf of by. What a node was stopped in
// is completed by Resume. Offsets that are not in the ledger yet are waited for
// some time.
func (e *Eraser) Erase(ctx context.Context, r Request, by string) (*Result, error) {
	parts, err := e.Plan(ctx, r)
	if err != nil {
		return nil, err
	}
	result := &Result{By: by, DryRun: r.DryRun, Erased: []Erased{}}
	known := parts
	for pass := 0; len(parts) > 0; pass++ {
		if err := e.eraseAll(ctx, parts, by, result); err != nil {
			return nil, err
		}
		if r.DryRun || pass == maxPasses {
			break
		}
		// Who had read a record before it was gone may have written a copy meanwhile.
		if parts, err = e.copies(ctx, known); err != nil {
			return nil, fmt.Errorf("it is erased, but not known whether there are copies that were made meanwhile: %w", err)
		}
		known = append(known, parts...)
	}
	return result, nil
}

// eraseAll erases parts, and adds what became of them to the result.
func (e *Eraser) eraseAll(ctx context.Context, parts []Part, by string, result *Result) error {
	for _, p := range parts {
		done := Erased{
			Topic: p.Topic, Partition: p.Partition, Offsets: proof.FormatRanges(p.Offsets), Count: Count(p.Offsets),
			CopyOf: p.CopyOf, Records: Planned, Receipts: []Receipt{},
		}
		if !result.DryRun {
			if err := e.erase(ctx, p, by, &done); err != nil {
				if len(result.Erased) == 0 {
					return fmt.Errorf("%s/%d: %w", p.Topic, p.Partition, err)
				}
				done.Records, done.Error = Failed, err.Error() // others were done already
			}
		}
		result.Erased = append(result.Erased, done)
	}
	return nil
}

// erase erases one part.
func (e *Eraser) erase(ctx context.Context, p Part, by string, done *Erased) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := e.try(ctx, p, by, done)
		if !errors.Is(err, ledger.ErrNotYet) && !errors.Is(err, log.ErrHeld) {
			return err
		}
		select {
		case <-waiting.Done():
			return err
		case <-time.After(again):
		}
	}
}

// try is erase, as far as that can be done now.
func (e *Eraser) try(ctx context.Context, p Part, by string, done *Erased) error {
	if e.Log != nil {
		if err := e.Log.Announce(p); err != nil {
			return err
		}
	}
	if size, ended := e.Ledger.Ended(p.tree()); ended && e.Log != nil {
		// What came after the ledger was turned off is in no tree: the log knows.
		behind := p
		if p.Offsets, behind.Offsets = split(p.Offsets, size); len(behind.Offsets) > 0 {
			if err := done.destroyed(e.destroy(ctx, behind)); err != nil {
				return err
			}
		}
		if len(p.Offsets) == 0 {
			return nil
		}
	}
	entries, err := e.Ledger.Erase(ctx, p.tree(), p.Offsets, by)
	switch {
	case err == nil:
		done.Receipts = receipts(entries)
		e.finish(ctx, p, entries, done)
	case errors.Is(err, ledger.ErrNoTree) && e.Log != nil:
		// Of a topic that has no ledger, or has none yet: the log knows.
		err = done.destroyed(e.destroy(ctx, p))
	}
	return err
}

// destroyed notes that the log has done what it can. What is left for ever because
// it cannot be read is no error.
func (d *Erased) destroyed(err error) error {
	left, ok := unreadable(err)
	switch {
	case ok:
		d.Records, d.Unreadable, d.Error = Remains, left, err.Error()
	case err != nil:
		return err
	case d.Unreadable == "":
		d.Records = Destroyed
	}
	return nil
}

// unreadable are the offsets that an error of the log says cannot be erased, ever.
func unreadable(err error) (offsets string, ok bool) {
	var left *log.UnreadableError
	if !errors.As(err, &left) {
		return "", false
	}
	ranges := make([]proof.Range, len(left.Offsets))
	for i, r := range left.Offsets {
		ranges[i] = proof.Range(r)
	}
	return proof.FormatRanges(ranges), true
}

func (p *Part) tree() proof.Tree {
	return proof.Tree{Topic: p.Topic, TopicID: p.TopicID, Partition: p.Partition}
}

// finish destroys what the log and the index have, after the ledger's part is done.
func (e *Eraser) finish(ctx context.Context, p Part, entries []ledger.Erased, done *Erased) {
	err := e.destroy(ctx, p)
	if e.Log == nil && err == nil {
		done.Records = Remains
	} else {
		err = done.destroyed(err)
	}
	if err != nil {
		e.Logger.Warn("an erasure is noted and not completed; it is tried again", "topic", p.Topic, "partition", p.Partition, "error", err)
		done.Records, done.Error = Pending, err.Error()
		return
	}
	for _, entry := range entries {
		e.Ledger.FinishErasure(entry)
	}
}

// destroy destroys the records first: an index that is made again reads what is
// there. An error that is unreadable says that all is done that can be.
func (e *Eraser) destroy(ctx context.Context, p Part) error {
	if e.Log == nil {
		return e.forget(p)
	}
	meant, err := e.Log.Destroy(ctx, p)
	offsets, left := unreadable(err)
	if left {
		e.Logger.Error("records could not be erased, since their batches cannot be read", "topic", p.Topic, "partition", p.Partition, "offsets", offsets)
	} else if err != nil {
		return err
	}
	if stopped := e.forget(meant); stopped != nil {
		return stopped
	}
	if left { // others who ask for the same have to be told, too
		return err
	}
	return e.Log.Withdraw(p) // last: who is stopped before it does all of it again
}

// forget takes a part out of the index.
func (e *Eraser) forget(p Part) error {
	if e.Index == nil || len(p.Offsets) == 0 {
		return nil
	}
	return e.Index.Erase(p.TopicID, p.Partition, p.Offsets)
}
