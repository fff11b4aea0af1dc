package client

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/internal/ledger/witness/protocol"
	"github.com/evidentlog/evident/proof"
)

// ErrAlarm says that a witness has seen another history than ours.
var ErrAlarm = errors.New("another history")

// errOvertaken says that the witness has cosigned a later checkpoint of ours.
var errOvertaken = errors.New("overtaken")

// errBusy says that the witness wants to be left alone for some time.
type errBusy struct {
	after time.Duration
	error
}

const (
	// timeout is for one request.
	timeout = 10 * time.Second
	// maxConflicts is how often in a row a witness may tell of another size:
	// somebody else may send it our checkpoints.
	maxConflicts = 3
)

// ask gets a checkpoint cosigned, from the size on that the witness has.
func (w *witness) ask(ctx context.Context, target *checkpoints.Kept) error {
	if w.known > target.Size {
		return errOvertaken
	}
	for range maxConflicts {
		answer, err := w.submit(ctx, target)
		if err != nil {
			return err
		}
		if answer.status != http.StatusConflict {
			return w.judge(target, answer)
		}
		if err := w.learn(ctx, target, answer); err != nil {
			return err
		}
	}
	return fmt.Errorf("it has told of another size than the last %d times in a row; it is at %d", maxConflicts, w.known)
}

// An answer is what a witness has sent.
type answer struct {
	status int
	header http.Header
	body   string
}

// submit sends a target with the proof that it continues what the witness has.
func (w *witness) submit(ctx context.Context, target *checkpoints.Kept) (*answer, error) {
	path, err := w.client.cfg.Log.Consistency(target.Checkpoint, w.known)
	if err != nil {
		return nil, err
	}
	body := &protocol.Request{Old: w.known, Proof: path, Checkpoint: target.Signed}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+protocol.AddCheckpoint, strings.NewReader(body.String()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := w.client.cfg.Transport.RoundTrip(req) // which follows no redirects
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxBody+1))
	if err == nil && len(text) > protocol.MaxBody {
		err = fmt.Errorf("it answered with more than %d bytes", protocol.MaxBody)
	}
	return &answer{resp.StatusCode, resp.Header, string(text)}, err
}

// learn takes the size that the witness has from its 409.
func (w *witness) learn(ctx context.Context, target *checkpoints.Kept, a *answer) error {
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	size, err := protocol.ParseSize(strings.TrimSuffix(a.body, "\n"))
	if err == nil && size > w.client.cfg.Log.Size() && w.client.cfg.Await != nil {
		w.client.cfg.Await(ctx, size)
	}
	switch {
	case kind != protocol.SizeType || err != nil:
		return fmt.Errorf("it is at another size than %d, and does not tell at which: %s", w.known, a)
	case size > w.client.cfg.Log.Size():
		return fmt.Errorf("%w: it has cosigned %d entries, and the root log here has %d: these are files of an earlier time, or another node signs with the same keys",
			ErrAlarm, size, w.client.cfg.Log.Size())
	}
	w.known = size
	if size > target.Size {
		return errOvertaken
	}
	return nil
}

// judge says what any other answer means.
func (w *witness) judge(target *checkpoints.Kept, a *answer) error {
	switch {
	case a.status == http.StatusOK:
		return w.take(target, a)
	case a.status == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: it does not accept that size %d continues what it has seen at size %d: %s", ErrAlarm, target.Size, w.known, a)
	case a.status == http.StatusNotFound:
		return fmt.Errorf("it does not know the log %s: its operator adds the log with the key of GET /ledger/vkey: %s", target.Origin, a)
	case a.status == http.StatusForbidden:
		return fmt.Errorf("it knows %s with another key: its operator has to have the key of GET /ledger/vkey: %s", target.Origin, a)
	case a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(a.header.Get("Retry-After")) // 0 if there is none, or a date
		return &errBusy{time.Duration(max(0, min(seconds, 3600))) * time.Second, errors.New(a.String())}
	}
	return errors.New(a.String())
}

// String is an answer in one line.
func (a *answer) String() string {
	const enough = 200
	line, _, _ := strings.Cut(a.body, "\n")
	return fmt.Sprintf("HTTP status %d: %.*q", a.status, enough, line)
}

// take keeps the cosignatures of the witness's keys, and passes over others.
func (w *witness) take(target *checkpoints.Kept, a *answer) error {
	var known []note.Verifier
	for _, k := range w.keys {
		known = append(known, k.Key)
	}
	n, err := note.Open([]byte(target.String()+"\n"+a.body), note.VerifierList(known...))
	if err != nil {
		return fmt.Errorf("what it answered is no cosignature of its key for size %d: %w", target.Size, err)
	}
	for _, k := range w.keys {
		for _, s := range n.Sigs {
			if s.Name != k.Key.Name() || s.Hash != k.Key.KeyHash() {
				continue
			}
			if err := w.keep(target, k.Key, s); err != nil {
				return err
			}
		}
	}
	w.known = target.Size
	w.metrics.cosigned.Set(float64(target.Size))
	return nil
}

// keep keeps a signature of a note, which was verified.
func (w *witness) keep(target *checkpoints.Kept, key *proof.Verifier, s note.Signature) error {
	const idSize, stampSize = 4, 8
	raw, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(raw) < idSize+stampSize {
		return fmt.Errorf("the cosignature of %s is no signature line", key.Name())
	}
	stamp := binary.BigEndian.Uint64(raw[idSize:])
	if stamp == 0 || stamp > math.MaxInt64 {
		return fmt.Errorf("the cosignature of %s has no time: %d seconds", key.Name(), stamp)
	}
	w.checkClock(time.Unix(int64(stamp), 0))
	return w.client.cfg.Log.Cosign(target.Checkpoint, key, raw[idSize:])
}
