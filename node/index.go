package node

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/follow"
	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/search"
	"github.com/evidentlog/evident/proof"
)

// indexDir is the index's folder in the ledger's.
const indexDir = "index"

// openIndex opens the index of records, nil if there is to be none.
func (n *Node) openIndex() (*index.Index, error) {
	if !*n.cfg.LedgerIndex {
		return nil, nil
	}
	return index.Open(index.Config{FS: n.cfg.FS, Dir: filepath.Join(n.cfg.Data, ledgerDir, indexDir), Logger: n.cfg.Logger})
}

// newSearcher returns what searches the index; nil if there is none.
func (n *Node) newSearcher(l *provable, ix *index.Index, here func(topic string, partition int32) bool) (*search.Searcher, error) {
	if ix == nil {
		return nil, nil
	}
	s, err := search.New(search.Config{
		Index: ix, Reader: &l.reader, Ledger: l.Ledger, Here: here, Metrics: n.cfg.Metrics, Logger: n.cfg.Logger,
		Indexed: func(topic, id string) bool { return follow.Provable(topic) && !l.follower.Unindexed(id) },
	})
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return s, nil
}

// runIndex keeps the index until kept ends, and reads the log for it until reading
// does.
func (n *Node) runIndex(kept, reading context.Context) {
	s := n.ledger.searcher
	if s == nil {
		return
	}
	n.servers.Go(func() { s.Fill(reading) })
	n.servers.Go(func() {
		defer s.Close()
		if err := s.Index.Run(kept); err != nil {
			n.cfg.Logger.Warn("a part of the index could not be written, and is made again from the log when the node is started", "error", err)
		}
	})
}

// handleSearches adds what is asked of the index.
func (n *Node) handleSearches(mux *http.ServeMux) {
	if n.ledger.searcher == nil {
		return
	}
	mux.HandleFunc("GET /v1/search", n.reads(n.ledger.searcher.ServeSearch))
	mux.HandleFunc("GET /v1/proof", n.reads(n.ledger.serveBundle))
}

// serveBundle answers with the proof file of all records that a query finds.
func (p *provable) serveBundle(w http.ResponseWriter, r *http.Request) {
	v, err := search.Parameters(r)
	if err != nil {
		search.Refuse(w, err)
		return
	}
	want := wishOf(v)
	prove := func(ctx context.Context, origin string, records ...ledger.Opened) (*proof.File, error) {
		return p.proveAll(ctx, want, origin, records)
	}
	v.Del(unwitnessed)
	v.Del(anchored)
	q, err := search.ParseQuery(v)
	var f *proof.File
	if err == nil {
		f, err = p.searcher.Prove(r.Context(), q, prove)
	}
	answerProof(w, f, err)
}

// unwitnessed is the parameter that asks for a proof without waiting for witnesses.
const unwitnessed = "unwitnessed"
