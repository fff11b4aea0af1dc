package log

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// TestAYoungSegmentNeedsNoIndexFiles for a checkpoint and the recovery from it.
func TestAYoungSegmentNeedsNoIndexFiles(t *testing.T) {
	for name, c := range map[string]struct {
		records int
		exists  bool
	}{"young": {10, false}, "older": {60, true}} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewMem()
			limit := func(c *Config) { c.youngBytes = 4 << 10 }
			l := openLog(t, disk, limit)
			p := l.partition("a", 0)
			l.start()
			fill(t, p, 0, c.records, 100)
			mustDo(t, errors.Join(p.flush(), l.writeCheckpoints()))
			_, err := disk.Stat(segmentPath(p.dir, 0) + indexSuffix)
			if exists := !errors.Is(err, fs.ErrNotExist); exists != c.exists {
				t.Errorf("segment of %d bytes has an index file: %v", p.Size(), exists)
			}
			disk = disk.Crash(vfs.KeepNone)
			_ = l.Close()

			l = openLog(t, disk, limit)
			p = l.partition("a", 0)
			l.start()
			wantValues(t, values(t, p), c.records)
			if n := p.active().offsets.len(); n == 0 {
				t.Error("the recovered index has no entries")
			}
			l.close()
		})
	}
}
