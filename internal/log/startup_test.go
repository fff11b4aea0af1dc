package log

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// journalledLog is a disk after a crash with records that only the journal has.
func journalledLog(t *testing.T) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	l := openLog(t, disk, func(c *Config) { c.journalBytes, c.journalLimit = 1<<20, 0 }) // one file is enough
	p := l.partition("a", 0, smallSegments)
	l.start()
	fill(t, p, 0, 20, 100)
	mustDo(t, errors.Join(p.flush(), l.writeCheckpoints()))
	fill(t, p, 20, 23, 100)
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	return after
}

func journalFiles(t *testing.T, disk vfs.FS) []string {
	t.Helper()
	entries, err := disk.ReadDir("data/journal")
	mustDo(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, "data/journal/"+e.Name())
	}
	return out
}

// TestAFutureFormatIsRefused in one sentence that says what to do, and nothing is
// changed.
func TestAFutureFormatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		file func(t *testing.T, disk vfs.FS) string
		at   int64
		sum  func(b []byte) // renews the checksum
		says string
	}{
		"folder": {func(*testing.T, vfs.FS) string { return "data/format" }, 0, func(b []byte) { b[0] = '2' }, "format 2, this version reads 1:"},
		"checkpoint": {func(*testing.T, vfs.FS) string { return "data/checkpoint" }, 11, func(b []byte) {
			binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
		}, "format 4, this version reads 1 to 3"},
		"journal": {func(t *testing.T, disk vfs.FS) string { return at(journalFiles(t, disk), 0) }, 11, func(b []byte) {
			binary.BigEndian.PutUint32(b[32:], crc32.Checksum(b[:32], castagnoli))
		}, "format 2, this version reads 1"},
	} {
		t.Run(name, func(t *testing.T) {
			disk := journalledLog(t)
			file := c.file(t, disk)
			old, err := readFile(disk, file)
			mustDo(t, err)
			b := append([]byte(nil), old...)
			b[c.at]++
			c.sum(b)
			overwrite(t, disk, file, 0, b)
			_, err = tryOpen(t, disk, truncateDamaged)
			if err == nil || !containsAll(err.Error(), []string{c.says, "use the version of evident that wrote the data folder, or choose another folder"}) {
				t.Errorf("Open says: %v", err)
			}
			overwrite(t, disk, file, 0, old)
			_, p := started(t, disk, smallSegments)
			wantValues(t, values(t, p), 23)
		})
	}
}

func TestAFormatFileThatSaysNothingIsCorruption(t *testing.T) {
	disk := journalledLog(t)
	overwrite(t, disk, "data/format", 0, []byte("?"))
	if _, err := tryOpen(t, disk); !errors.Is(err, ErrCorruption) || !strings.Contains(err.Error(), "data/format") {
		t.Errorf("Open says: %v", err)
	}
}

func TestASecondOwnerIsRefused(t *testing.T) {
	disk := vfs.NewMem()
	l := openLog(t, disk)
	_, err := tryOpen(t, disk)
	if !errors.Is(err, vfs.ErrLocked) || !containsAll(err.Error(), []string{"the data folder data is in use by another process", "stop it, or choose another folder"}) {
		t.Errorf("Open says: %v", err)
	}
	l.close()
	openLog(t, disk).close()
}

func TestAFolderThatCannotBeWrittenIsNamed(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpMkdir, vfs.OpLock} {
		disk := newFaults()
		disk.fail(kind, "data", errDisk)
		if _, err := tryOpen(t, disk); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "the data folder") {
			t.Errorf("Open says: %v", err)
		}
	}
}

// TestAMissingOrDamagedCheckpointCostsOnlyTime.
func TestAMissingOrDamagedCheckpointCostsOnlyTime(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, disk *vfs.Mem){
		"missing":     func(t *testing.T, disk *vfs.Mem) { mustDo(t, disk.Remove("data/checkpoint")) },
		"flipped bit": func(t *testing.T, disk *vfs.Mem) { mustDo(t, disk.FlipBit("data/checkpoint", 50)) },
		"cut short":   func(t *testing.T, disk *vfs.Mem) { resize(t, disk, "data/checkpoint", -10) },
		"empty": func(t *testing.T, disk *vfs.Mem) {
			resize(t, disk, "data/checkpoint", -fileSize(t, disk, "data/checkpoint"))
		},
	} {
		for _, crash := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				disk := writtenLog(t, crash)
				do(t, disk)
				l, p := started(t, disk, smallSegments)
				mustDo(t, p.Err())
				wantValues(t, values(t, p), damagedValues)
				if name != "missing" {
					l.logs.want(t, "the checkpoint file is damaged; all segments will be scanned", "data/checkpoint")
				}
				fill(t, p, damagedValues, damagedValues+3, 100)
				l.close()
				_, p = started(t, disk, smallSegments)
				wantValues(t, values(t, p), damagedValues+3)
			})
		}
	}
}

// TestDamageInTheJournalIsReported: what lies behind it was acknowledged, of
// partitions that nobody knows. Nothing is changed until it is left out as asked.
func TestDamageInTheJournalIsReported(t *testing.T) {
	for name, pos := range map[string]int64{
		"head":         3,
		"first round":  vfs.BlockSize + 100,
		"round header": vfs.BlockSize + 35,
		"inner round":  10*vfs.BlockSize + 100,
	} {
		t.Run(name, func(t *testing.T) {
			disk := journalledLog(t)
			file := at(journalFiles(t, disk), 0)
			mustDo(t, disk.FlipBit(file, pos))
			for range 2 {
				_, err := tryOpen(t, disk)
				if !errors.Is(err, ErrCorruption) || !containsAll(err.Error(), []string{file, "restore it from a backup", "truncation of damaged partitions allowed"}) {
					t.Fatalf("Open says: %v", err)
				}
			}
			l := openLog(t, disk, truncateDamaged)
			p := l.partition("a", 0, smallSegments)
			l.start()
			l.logs.want(t, "leaving out damaged rounds of the journal as asked; records are lost", file)
			mustDo(t, p.Err())
			wantValues(t, values(t, p), 21) // the first of a segment is not journalled
		})
	}
}

// TestATornRoundIsTheEndOfTheJournal: the last round of all was not acknowledged.
func TestATornRoundIsTheEndOfTheJournal(t *testing.T) {
	disk := journalledLog(t)
	file := at(journalFiles(t, disk), 0)
	b, err := readFile(disk, file)
	mustDo(t, err)
	_, end := readRounds(journalHeader{id: binary.BigEndian.Uint64(b[16:]), name: file, data: b})
	mustDo(t, disk.FlipBit(file, end-vfs.BlockSize+100))
	_, p := started(t, disk, smallSegments)
	mustDo(t, p.Err())
	wantValues(t, values(t, p), 22)
}

// TestADamagedPartitionKeepsWhatTheJournalHad until it has been restored.
func TestADamagedPartitionKeepsWhatTheJournalHad(t *testing.T) {
	disk := journalledLog(t)
	file := at(segmentFiles(t, disk, ".log"), 1)
	good, err := readFile(disk, file)
	mustDo(t, err)
	checkpoint, err := readFile(disk, "data/checkpoint")
	mustDo(t, err)
	mustDo(t, disk.Remove("data/checkpoint"))
	mustDo(t, disk.FlipBit(file, 100))
	for range 2 {
		l, p := started(t, disk, smallSegments)
		if !errors.Is(p.Err(), ErrCorruption) {
			t.Fatalf("the partition says %v", p.Err())
		}
		l.close()
		if n := len(journalFiles(t, disk)); n > 0 {
			t.Errorf("%d journal files after a clean stop", n)
		}
	}
	overwrite(t, disk, file, 0, good)
	overwrite(t, disk, "data/checkpoint", 0, checkpoint)
	for range 2 {
		l, p := started(t, disk, smallSegments)
		mustDo(t, p.Err())
		wantValues(t, values(t, p), 23)
		l.close()
		if list := segmentFiles(t, disk, savedName); len(list) > 0 {
			t.Errorf("%v is there still", list)
		}
	}
}

// TestAFolderOfAnotherTopicIsNotTakenOver: a topic of the same name was deleted,
// and the deletion cut short.
func TestAFolderOfAnotherTopicIsNotTakenOver(t *testing.T) {
	for _, crash := range []bool{false, true} {
		disk := writtenLog(t, crash)
		l := openLog(t, disk)
		id := testID("a", 0)
		id.TopicID[15] = 77
		p, err := l.OpenPartition(id, DefaultSettings())
		mustDo(t, err)
		l.start()
		l.logs.want(t, "no topic has this folder", "a-0", "stray")
		wantValues(t, values(t, p), 0)
		fill(t, p, 0, 2, 100)
		wantValues(t, values(t, p), 2)
	}
}

func TestAFolderThatDoesNotTellItsTopicIsNotRemoved(t *testing.T) {
	disk := writtenLog(t, true)
	name := "data/topics/a-0/" + partitionMetadata
	old, err := readFile(disk, name)
	mustDo(t, err)
	overwrite(t, disk, name, 0, []byte("garbage"))
	l := openLog(t, disk)
	_, err = l.OpenPartition(testID("a", 0), DefaultSettings())
	if !errors.Is(err, ErrCorruption) || !containsAll(err.Error(), []string{name, "write", "move the folder away"}) {
		t.Errorf("OpenPartition says: %v", err)
	}
	_ = l.Close()
	overwrite(t, disk, name, 0, old)
	_, p := started(t, disk, smallSegments)
	wantValues(t, values(t, p), damagedValues)
}

// TestFoldersOfUnknownPartitionsAreMovedAside: a deletion was cut short, or the
// metadata is damaged.
func TestFoldersOfUnknownPartitionsAreMovedAside(t *testing.T) {
	disk := writtenLog(t, true)
	l := openLog(t, disk)
	l.partition("b", 0)
	l.start()
	l.logs.want(t, "no topic has this folder", "a-0", "stray")
	if _, err := disk.Stat("data/topics/a-0"); err == nil {
		t.Error("the folder is there still")
	}
	kept, err := disk.ReadDir("data/stray")
	if err != nil || len(kept) != 1 {
		t.Errorf("moved aside are %v, %v", kept, err)
	}
}
