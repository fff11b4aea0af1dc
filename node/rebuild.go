package node

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/erasure"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/proof"
)

// A rebuilt is the answer to a request for a rebuild: how many offsets of the tree
// were looked at, and which of them, as ranges.
type rebuilt struct {
	Tree       string `json:"tree"`
	Size       int64  `json:"size"`
	Mended     string `json:"mended"`
	Unmended   string `json:"unmended"`
	Unprovable string `json:"unprovable"`
	Saltless   string `json:"without_salts"`
}

// handleRebuilds adds what makes a partition's tree again. It changes files, so that
// it is asked for as an erasure is.
func (n *Node) handleRebuilds(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/topics/{topic}/partitions/{partition}/rebuild", func(w http.ResponseWriter, r *http.Request) {
		if _, err := n.asksForErasure(r); err != nil {
			erasure.Refuse(w, fmt.Errorf("a rebuild is asked for as an erasure is: %w", err))
			return
		}
		done, err := n.ledger.rebuild(r)
		if err != nil {
			problem.Write(w, rebuildStatus(err), err)
			return
		}
		problem.JSON(w, done)
	})
}

func rebuildStatus(err error) int {
	switch {
	case errors.Is(err, opening.ErrNoRecord), errors.Is(err, ledger.ErrNoTree):
		return http.StatusNotFound
	case errors.Is(err, store.ErrUnrebuilt), errors.Is(err, ledger.ErrRebuilding):
		return http.StatusConflict
	case errors.Is(err, ledger.ErrClosed), errors.Is(err, ledger.ErrStopped):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// rebuild makes the newest tree of a partition again, from the records that the log
// has under its name, which must be those of the tree's topic.
func (p *provable) rebuild(r *http.Request) (*rebuilt, error) {
	topic := r.PathValue("topic")
	origin, err := p.Newest(topic, r.PathValue("partition"))
	if err != nil {
		return nil, err
	}
	tree, err := proof.ParseOrigin(p.Origin(), origin)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no number of a partition", ledger.ErrNoTree, r.PathValue("partition"))
	}
	records, err := p.reader.Log(r.Context(), topic, int32(number))
	if err != nil {
		return nil, err
	}
	if records.TopicID() != tree.TopicID {
		return nil, fmt.Errorf("%w: the tree is of a topic %s with id %s, and the one that has the name now has %s",
			opening.ErrNoRecord, topic, tree.TopicID, records.TopicID())
	}
	done, err := p.Rebuild(r.Context(), tree, records)
	if err != nil {
		return nil, err
	}
	return &rebuilt{
		Tree: origin, Size: done.Size, Mended: proof.FormatRanges(done.Mended), Unmended: proof.FormatRanges(done.Unmended),
		Unprovable: proof.FormatRanges(done.Unprovable), Saltless: proof.FormatRanges(done.Saltless),
	}, nil
}
