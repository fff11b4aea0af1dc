package node_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// The log goes on while the ledger's disk is full, and nothing that was produced
// then is lost to the ledger.
func TestALedgerWhoseDiskWasFullComesBack(t *testing.T) {
	var full atomic.Bool
	disk := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if full.Load() && op.Kind == vfs.OpWrite && strings.Contains(op.Name, "/ledger/") {
			return errors.New("no space left on device")
		}
		return nil
	})
	p := startProvable(t, node.Config{FS: disk})
	c := p.client()
	produce(t, c, "first")
	p.proven(0)
	full.Store(true)
	produce(t, c, "second")
	p.waitReady(http.StatusServiceUnavailable, "no space left on device")
	produce(t, c, "third")
	if _, body := get(t, p.web+"/metrics"); !strings.Contains(body, "evident_ledger_up 0") {
		t.Error("no metric tells that the ledger has stopped")
	}
	full.Store(false)
	p.waitReady(http.StatusOK, "ok")
	for offset, want := range []string{"first", "second", "third"} {
		if r := p.proven(int64(offset)); string(r.Record.Value) != want {
			t.Errorf("offset %d is %q, want %q", offset, r.Record.Value, want)
		}
	}
}
