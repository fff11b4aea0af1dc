package witness

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/witness/protocol"
	"github.com/evidentlog/evident/proof"
)

// Why a checkpoint is not cosigned. The status codes are tlog-witness's.
var (
	errMalformed    = errors.New("not a request to cosign a checkpoint")             // 400
	errUnknownLog   = errors.New("this witness does not know the log")               // 404
	errNotSigned    = errors.New("not signed by a key that is known of the log")     // 403
	errInconsistent = errors.New("not consistent with what was cosigned of the log") // 422
	errBusy         = errors.New("the log was cosigned a moment ago")                // 429

	// errFork says that the log itself is at fault. Anybody can send one of its
	// checkpoints with a wrong proof, which is errInconsistent only.
	errFork = fmt.Errorf("%w: the log has signed two of one size", errInconsistent)
)

// errConflict says at which size the witness is. 409.
type errConflict struct{ size int64 }

func (e *errConflict) Error() string {
	return fmt.Sprintf("the checkpoint that was cosigned last has size %d", e.size)
}

// cosign checks a request and returns the lines of our cosignatures, after they
// were made durable.
func (w *Witness) cosign(body string) ([]byte, error) {
	r, err := protocol.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	origin, _, _ := strings.Cut(string(r.Checkpoint), "\n")
	log := w.logs[origin]
	if log == nil {
		return nil, fmt.Errorf("%w: %.100q", errUnknownLog, origin)
	}
	n, err := note.Open(r.Checkpoint, log.known)
	if err != nil {
		return nil, notSigned(err)
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if r.Old > c.Size {
		return nil, fmt.Errorf("%w: the old size %d is larger than the new one, %d", errMalformed, r.Old, c.Size)
	}
	lines, err := w.advance(log, n, c, r)
	if errors.Is(err, errInconsistent) {
		w.tell(log, origin, body, err)
	}
	return lines, err
}

// tellEvery is how often the operator is told of a log at most: who sends the same
// again and again fills no disk.
const tellEvery = time.Minute

// tell tells the operator of a request that may show that a log has forked.
func (w *Witness) tell(log *witnessed, origin, body string, err error) {
	told := &log.mu.toldRefused
	if errors.Is(err, errFork) {
		told = &log.mu.toldFork
	}
	log.mu.Lock()
	now := w.cfg.Now()
	again := !told.IsZero() && now.Sub(*told).Abs() < tellEvery
	if !again {
		*told = now
	}
	log.mu.Unlock()
	switch {
	case again:
	case errors.Is(err, errFork):
		w.cfg.Logger.Error("a log has forked", "log", origin, "error", err, "request", body)
	default:
		w.cfg.Logger.Warn("a log has forked, or somebody has sent a checkpoint of it with a wrong proof", "log", origin, "error", err, "request", body)
	}
}

func notSigned(err error) error {
	if errors.As(err, new(*note.UnverifiedNoteError)) || errors.As(err, new(*note.InvalidSignatureError)) {
		return fmt.Errorf("%w: %w", errNotSigned, err)
	}
	return fmt.Errorf("%w: %w", errMalformed, err)
}

// parseCheckpoint reads a checkpoint of any log: extension lines are passed over.
func parseCheckpoint(text string) (proof.Checkpoint, error) {
	lines := strings.SplitAfter(text, "\n")
	if len(lines) < 4 {
		return proof.Checkpoint{}, errors.New("the checkpoint has fewer than three lines")
	}
	for _, extension := range lines[3 : len(lines)-1] {
		if extension == "\n" {
			return proof.Checkpoint{}, errors.New("the checkpoint has an empty line")
		}
	}
	c, err := proof.ParseCheckpoint(strings.Join(lines[:3], ""))
	if err == nil && c.Size > protocol.MaxSize {
		err = fmt.Errorf("the checkpoint has %d entries, and no log has more than %d", c.Size, int64(protocol.MaxSize))
	}
	return c, err
}

// advance cosigns a checkpoint of a log if it continues the last one, and
// remembers it first.
func (w *Witness) advance(log *witnessed, n *note.Note, c proof.Checkpoint, r *protocol.Request) ([]byte, error) {
	log.mu.Lock()
	defer log.mu.Unlock()
	if log.mu.failed != nil {
		return nil, log.mu.failed
	}
	if err := log.continues(c, r); err != nil {
		return nil, err
	}
	now := w.cfg.Now()
	if wait := log.mu.next.Sub(now); wait > 0 && wait <= w.cfg.Interval { // longer only if the clock was set back
		return nil, errBusy
	}
	signed, lines, err := w.sign(n)
	if err != nil {
		return nil, err
	}
	next := state{size: c.Size, root: c.Root, note: signed}
	if err := next.save(w.cfg.FS, w.logsDir(), c.Origin); err != nil {
		log.mu.failed = fmt.Errorf("remembering a checkpoint of %s has failed, and nothing more of it is cosigned until the witness is started again: %w", c.Origin, err)
		w.cfg.Logger.Error("the witness's disk has failed", "error", log.mu.failed)
		return nil, log.mu.failed
	}
	w.checkClock(c, log.mu.last, now)
	log.mu.state, log.mu.next, log.mu.last = next, now.Add(w.cfg.Interval), now
	return lines, nil
}

// checkClock tells the operator when the clock was set back: of two cosignatures,
// the later one has the earlier time, and who relies on either is misled.
func (w *Witness) checkClock(c proof.Checkpoint, last, now time.Time) {
	if back := last.Round(0).Sub(now.Round(0)); back > proof.ClockMargin { // the time of day, which is what is signed
		w.cfg.Logger.Error("the witness's clock was set back, and cosignatures have times that are not in their order", "log", c.Origin, "size", c.Size, "back", back)
	}
}

// continues checks a checkpoint against the one that was cosigned last. The
// caller holds l.mu.
func (l *witnessed) continues(c proof.Checkpoint, r *protocol.Request) error {
	known := &l.mu.state
	if r.Old != known.size {
		return &errConflict{known.size}
	}
	if empty, _ := tlog.TreeHash(0, nil); c.Size == 0 && c.Root != empty {
		return fmt.Errorf("%w: the root hash of an empty tree is not %v", errInconsistent, c.Root)
	}
	switch {
	case r.Old == 0 || r.Old == c.Size:
		if len(r.Proof) > 0 {
			return fmt.Errorf("%w: from size %d to %d nothing is to be proven, and the proof has %d lines", errInconsistent, r.Old, c.Size, len(r.Proof))
		}
		if r.Old > 0 && c.Root != known.root {
			return fmt.Errorf("%w: size %d was cosigned with the root hash %v, and this is %v", errFork, c.Size, known.root, c.Root)
		}
		return nil
	}
	if err := tlog.CheckTree(tlog.TreeProof(r.Proof), c.Size, c.Root, r.Old, known.root); err != nil {
		return fmt.Errorf("%w: the proof from size %d to %d does not hold", errInconsistent, r.Old, c.Size)
	}
	return nil
}

// sign returns the checkpoint with the log's signatures that were verified and
// ours, and ours alone.
func (w *Witness) sign(n *note.Note) (signed, lines []byte, err error) {
	before, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err != nil {
		return nil, nil, err
	}
	signed, err = note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs}, w.signers...)
	if err != nil {
		return nil, nil, err
	}
	lines, ok := bytes.CutPrefix(signed, before)
	if !ok {
		return nil, nil, errors.New("cosigning has put other lines than the log's first")
	}
	return signed, lines, nil
}

// cosigned returns the checkpoint that was cosigned last of a log, by the hash of
// its origin; nil if there is none.
func (w *Witness) cosigned(hash string) []byte {
	log := w.byHash[hash]
	if log == nil {
		return nil
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	return log.mu.note
}

// retryAfter is the time after which a busy log may ask again, rounded up.
func (w *Witness) retryAfter() int { return int((w.cfg.Interval + time.Second - 1) / time.Second) }
