package group

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// Of writes that fail one after the other the first is logged: a log
// that grows with every attempt would fill the disk that is full already.
func TestTheFirstOfSeveralFailuresIsLogged(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		var lines bytes.Buffer // written by the coordinator's goroutine, while this one waits
		h.cfg.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		h.restart()
		for range 2 {
			store.Set(statetopictest.Faults{Append: errDisk})
			for range 5 {
				h.txnCommitCode(txnCommitRequest(7, "g", "orders", 0, 5), admitted)
			}
			store.Set(statetopictest.Faults{})
			h.txnCommitCode(txnCommitRequest(7, "g", "orders", 0, 5), admitted)
			synctest.Wait()
		}
		if n := strings.Count(lines.String(), "failed"); n != 2 {
			t.Errorf("two series of failures were logged %d times:\n%s", n, lines.String())
		}
	})
}
