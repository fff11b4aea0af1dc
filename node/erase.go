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
	"github.com/evidentlog/evident/proof"
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
		e.Log = records{n.log}
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

// HTTPToken is what HTTP requests need that change or destroy something, as
// "Authorization: Bearer". It is empty if none do.
func (n *Node) HTTPToken() string { return n.token.String() }

// loadToken reads or makes the file with the token, if there is to be one.
func (n *Node) loadToken() (err error) {
	name := n.cfg.HTTPTokenFile
	switch {
	case name != "":
	case n.hasFolder():
		name = filepath.Join(n.cfg.Data, token.File)
	default:
		return nil
	}
	if err := n.cfg.FS.MkdirAll(filepath.Dir(name)); err != nil {
		return err
	}
	if n.token, err = token.Load(n.cfg.FS, name); err != nil {
		err = fmt.Errorf("the token for HTTP: %w", err)
	}
	return err
}

// records is the node's own log, as erasure sees it.
type records struct{ log *log.Log }

// of is the partition that has a part; nil if it is gone: what another topic had,
// that was deleted since, is not this one's.
func (r records) of(part erasure.Part) *log.Partition {
	p := r.log.Partition(part.Topic, part.Partition)
	if p == nil {
		return nil
	}
	if id := p.ID().TopicID; base64.RawURLEncoding.EncodeToString(id[:]) != part.TopicID {
		return nil
	}
	return p
}

// Announce implements erasure.Log.
func (r records) Announce(part erasure.Part) error {
	p := r.of(part)
	if p == nil {
		return nil
	}
	return unlessDeleted(p.Announce(rangesOf(part)))
}

// Destroy implements erasure.Log.
func (r records) Destroy(ctx context.Context, part erasure.Part) (erasure.Part, error) {
	p := r.of(part)
	if p == nil {
		return part, nil
	}
	// Of a damaged partition the records behind the damage may come back.
	if err := p.Err(); err != nil {
		return part, unlessDeleted(err)
	}
	meant := p.Announced(rangesOf(part))
	part.Offsets = nil
	for _, m := range meant {
		part.Offsets = append(part.Offsets, proof.Range(m))
	}
	return part, unlessDeleted(p.Erase(ctx, meant))
}

// Withdraw implements erasure.Log.
func (r records) Withdraw(part erasure.Part) error {
	p := r.of(part)
	if p == nil {
		return nil
	}
	return unlessDeleted(p.Withdraw(rangesOf(part)))
}

func rangesOf(part erasure.Part) []log.Range {
	ranges := make([]log.Range, len(part.Offsets))
	for i, r := range part.Offsets {
		ranges[i] = log.Range(r)
	}
	return ranges
}

// unlessDeleted is an error of a partition that is still there.
func unlessDeleted(err error) error {
	if errors.Is(err, log.ErrDeleted) {
		return nil
	}
	return err
}
