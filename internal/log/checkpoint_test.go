package log

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"slices"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
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

// The epoch of a transaction is that of its records, whatever markers beyond the mark
// have told of the producer since. Checkpoints of version 2 do not have it.
func TestCheckpointKnowsTheEpochOfAnOpenTransaction(t *testing.T) {
	known := newProducerTable()
	data := batch.Batch(numbered(t, batch.Head{Transactional: true, Producer: &batch.Producer{ID: 7, Epoch: 2}}, 1, 1))
	data.SetBaseOffset(10)
	known.add(data, testTime)
	m := batch.Marker{ProducerID: 7, ProducerEpoch: 3, Commit: true}.Batch(testTime)
	m.SetBaseOffset(11)
	known.add(m, testTime)

	all := encodeCheckpoints(map[partKey]*checkpoint{{}: {mark: mark{offset: 11}, producers: known.below(11)}})
	for version, want := range map[byte]int16{3: 2, 2: batch.NoProducerEpoch} {
		b := slices.Clone(all)
		if version == 2 {
			const epoch = 16 + 20 + 13*8 + 28 // header, partition, its numbers, the producer's first fields
			b = slices.Delete(b, epoch, epoch+2)
			b[11] = version
			binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		read, err := decodeCheckpoints(b)
		if err != nil {
			t.Fatal(err)
		}
		p := read[partKey{}].producers.byID[7]
		if p.txn == nil || p.txn.first != 10 || p.txn.epoch != want || p.epoch != 3 {
			t.Errorf("version %d: epoch %d, transaction %+v, want its epoch to be %d", version, p.epoch, p.txn, want)
		}
	}
}
