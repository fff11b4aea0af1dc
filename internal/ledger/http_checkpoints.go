package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
)

// How many checkpoints are in one answer. A checkpoint has some 4 KB, and as
// much again for each witness.
const (
	mostCheckpoints    = 256
	defaultCheckpoints = 64
)

// A checkpointPage is the answer of /ledger/root/checkpoints.
type checkpointPage struct {
	Checkpoints []shownCheckpoint `json:"checkpoints"`
	// Next is from where to go on; absent if there is none larger yet.
	Next int64 `json:"next,omitempty"`
}

type shownCheckpoint struct {
	Size     int64          `json:"size"`
	Note     string         `json:"note"`
	Receipts []shownReceipt `json:"receipts"`
}

type shownReceipt struct {
	Kind    string `json:"kind"`
	Receipt []byte `json:"receipt"`
}

// serveCheckpoints lists the checkpoints that are kept, from a size on.
func (l *Ledger) serveCheckpoints(w http.ResponseWriter, r *http.Request) {
	from, err1 := queryNumber(r, "from", 0, 0)
	limit, err2 := queryNumber(r, "limit", 1, defaultCheckpoints)
	if err := errors.Join(err1, err2); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	page, err := l.checkpointPage(from, int(min(limit, mostCheckpoints)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", fresh) // cosignatures and receipts come later
	_ = json.NewEncoder(w).Encode(page)    // a client that is gone needs no answer
}

func queryNumber(r *http.Request, name string, least, otherwise int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least {
		return 0, fmt.Errorf("%s=%q is no number from %d on", name, text, least)
	}
	return n, nil
}

func (l *Ledger) checkpointPage(from int64, limit int) (*checkpointPage, error) {
	list, err := l.kept.From(from, limit)
	if err != nil {
		return nil, err
	}
	page := &checkpointPage{Checkpoints: []shownCheckpoint{}}
	for _, k := range list {
		shown, err := l.show(k)
		if err != nil {
			return nil, err
		}
		page.Checkpoints = append(page.Checkpoints, shown)
	}
	if n := len(list); n > 0 && list[n-1].Size < l.kept.Size() {
		page.Next = list[n-1].Size + 1
	}
	return page, nil
}

func (l *Ledger) show(k checkpoints.Kept) (shownCheckpoint, error) {
	shown := shownCheckpoint{Size: k.Size, Note: string(k.Note), Receipts: []shownReceipt{}}
	if l.cfg.Receipts == nil {
		return shown, nil
	}
	receipts, err := l.cfg.Receipts.Of(k.Size)
	for _, r := range receipts {
		shown.Receipts = append(shown.Receipts, shownReceipt{r.Anchor, r.Data})
	}
	return shown, err
}

// checkpoint returns the newest checkpoint of the root log, with the
// cosignatures that there are.
func (r rootLog) checkpoint() ([]byte, error) {
	newest := r.l.signed.Load()
	k, err := r.l.kept.At(newest.Size)
	if errors.Is(err, checkpoints.ErrNotKept) {
		return newest.note, nil
	}
	return cosigned(newest, k.Note), err
}

// serveRootCheckpoint serves the newest checkpoint of the root log; with ?witnessed=1
// the newest that fulfils the node's policy.
func (l *Ledger) serveRootCheckpoint(w http.ResponseWriter, r *http.Request) {
	read := rootLog{l}.checkpoint
	if r.URL.Query().Get("witnessed") != "" {
		read = l.witnessedCheckpoint
	}
	note, err := read()
	if err != nil {
		w.Header().Set("Cache-Control", never)
	}
	switch {
	case errors.Is(err, ErrNotWitnessed):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", textType)
		w.Header().Set("Cache-Control", fresh)
		_, _ = w.Write(note) // a client that is gone needs no answer
	}
}

func (l *Ledger) witnessedCheckpoint() ([]byte, error) {
	size, _ := l.witnessed.now()
	if size < 0 {
		return nil, fmt.Errorf("%w: no checkpoint of %s", ErrNotWitnessed, l.cfg.Origin)
	}
	if newest := l.signed.Load(); newest.Size == size {
		return rootLog{l}.checkpoint()
	}
	k, err := l.kept.At(size)
	return k.Note, err
}

// cosigned adds the cosignatures of a checkpoint that was kept to the newest
// signatures of the log, which tell that it is alive.
func cosigned(newest *signedRoot, kept []byte) []byte {
	_, signatures, _ := strings.Cut(string(kept), "\n\n")
	note := slices.Clone(newest.note)
	for line := range strings.Lines(signatures) {
		if !strings.HasPrefix(line, "— "+newest.Origin+" ") {
			note = append(note, line...)
		}
	}
	return note
}
