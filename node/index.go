package node

import (
	"context"
	"path/filepath"

	"github.com/evidentlog/evident/internal/ledger/index"
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

// runIndex keeps the index until ctx ends.
func (n *Node) runIndex(ctx context.Context, ix *index.Index) {
	if ix == nil {
		return
	}
	n.servers.Go(func() {
		if err := ix.Run(ctx); err != nil {
			n.cfg.Logger.Warn("a part of the index could not be written, and is made again from the log when the node is started", "error", err)
		}
	})
}
