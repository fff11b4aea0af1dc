package log

import (
	"errors"
	"io"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// Whoever keeps up reads what is in memory, and for that no index is asked where the
// records end, each time.
func TestWhoKeepsUpWithCommittedRecordsReadsNoIndex(t *testing.T) {
	fs := newFaults()
	_, p := started(t, fs, func(s *Settings) { s.IndexIntervalBytes = 1 })
	fill(t, p, 0, 400, 1024)
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	at := p.HighWatermark()
	fill(t, p, 400, 401, 100)
	read := func(offset int64) {
		s, _, err := p.ReadCommitted(offset, 1<<20, true)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.WriteTo(io.Discard, make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
	}
	read(at) // from now on it is known where the reader is
	fill(t, p, 401, 402, 100)
	fs.fail(vfs.OpRead, "", errors.New("nothing is to be read"))
	read(at + 1)
}
