package process_test

import (
	"testing"
	"time"
)

// Else it would be made again whole after a day, as if it had missed deletions.
func TestTheStateOfATaskWithNothingToDoDoesNotGrowOld(t *testing.T) {
	virtual(t, 1, func(h *house) {
		s := h.service()
		h.run(s, counter("idle"))
		h.produce("in", "a")
		h.read("out", 1)
		h.node.Advance(25 * time.Minute)
		run, _ := s.Find("idle", 1)
		kept, ok := run.State(0)
		if !ok {
			t.Fatal("the task is not there")
		}
		if old := time.Since(kept.Position().At); old > 11*time.Minute {
			t.Errorf("the state is that of %v ago", old)
		}
	})
}
