package node

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/ledger/erasure"
	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/log"
)

// wasErased returns an error that says when a record was erased, and by whom;
// nil if it was not. The topic need not be there any more.
func (p *provable) wasErased(at opening.Place) error {
	origin, err := p.Newest(at.Topic, strconv.Itoa(int(at.Partition)))
	if err != nil {
		return nil // no tree, no erasure
	}
	if err := p.WasErased(origin, at.Offset); err != nil {
		return fmt.Errorf("%s/%d: %w", at.Topic, at.Partition, err)
	}
	return nil
}

// newEraser makes what erases for the node's ledger.
func (n *Node) newEraser(p *provable, ix *index.Index) *erasure.Eraser {
	e := &erasure.Eraser{
		Planner: erasure.Planner{Reader: &p.reader},
		Ledger:  p.Ledger, Index: ix, Logger: n.cfg.Logger,
	}
	if n.log != nil {
		e.Destroy = n.destroy
	}
	return e
}

// handleErasures adds what asks for erasures, and tells of them.
func (n *Node) handleErasures(mux *http.ServeMux) {
	e := n.ledger.eraser
	mux.HandleFunc("POST /v1/erasures", e.ServeErase(n.asksForErasure))
	mux.HandleFunc("GET /v1/topics/{topic}/partitions/{partition}/erasures", e.ServeList)
}

// asksForErasure is who asks: somebody on this machine who can read the data folder,
// since nobody can log in.
func (n *Node) asksForErasure(r *http.Request) (string, error) {
	return auth.Anonymous().String(), cmp.Or(erasure.Local(r), n.token.Check(r))
}

// HTTPToken is what HTTP requests need that destroy something, as
// "Authorization: Bearer". It is empty without a ledger.
func (n *Node) HTTPToken() string { return n.token.String() }

// loadToken reads or makes the file with the token.
func (n *Node) loadToken() (err error) {
	if n.token, err = token.Load(n.cfg.FS, filepath.Join(n.cfg.Data, token.File)); err != nil {
		err = fmt.Errorf("the token for HTTP: %w", err)
	}
	return err
}

// destroy destroys records in the node's own log. What another topic had, that was
// deleted since, is gone.
func (n *Node) destroy(ctx context.Context, part erasure.Part) error {
	p := n.log.Partition(part.Topic, part.Partition)
	if p == nil {
		return nil
	}
	if id := p.ID().TopicID; base64.RawURLEncoding.EncodeToString(id[:]) != part.TopicID {
		return nil
	}
	// Of a damaged partition the records behind the damage may come back.
	if err := p.Err(); err != nil && !errors.Is(err, log.ErrDeleted) {
		return err
	}
	var ranges []log.Range
	for _, r := range part.Offsets {
		if last := min(r.Last, p.HighWatermark()-1); r.First <= last {
			ranges = append(ranges, log.Range{First: r.First, Last: last})
		}
	}
	err := p.Erase(ctx, ranges)
	if errors.Is(err, log.ErrDeleted) {
		return nil
	}
	return err
}
