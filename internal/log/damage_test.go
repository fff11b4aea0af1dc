package log

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// damagedValues is what the partition of a damaged log holds.
const damagedValues = 33

func smallSegments(s *Settings) { s.SegmentBytes, s.IndexIntervalBytes = 1000, 200 }

// writtenLog is a disk with one partition of several segments. After a crash
// instead of a clean stop, the last three records are beyond the checkpoint.
func writtenLog(t *testing.T, crash bool) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	l, p := started(t, disk, smallSegments)
	for v := range damagedValues - 3 {
		mustAppend(t, p, stampedBatch(t, v, 100, int64(v+1)*1000))
	}
	if err := errors.Join(p.flush(), l.writeCheckpoints()); err != nil {
		t.Fatal(err)
	}
	fill(t, p, damagedValues-3, damagedValues, 100)
	if !crash {
		l.close()
		return disk
	}
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	after := disk.Crash(vfs.KeepNone)
	_ = l.Close()
	return after
}

// segmentFiles are the partition's files with the suffix, in order.
func segmentFiles(t *testing.T, disk vfs.FS, suffix string) []string {
	t.Helper()
	entries, err := disk.ReadDir("data/topics/a-0")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			out = append(out, path.Join("data/topics/a-0", e.Name()))
		}
	}
	return out
}

func at(list []string, i int) string {
	if i < 0 {
		i += len(list)
	}
	return list[i]
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// overwrite puts b into the file at off.
func overwrite(t *testing.T, disk vfs.FS, name string, off int64, b []byte) {
	t.Helper()
	f, err := disk.Open(name, vfs.Create)
	mustDo(t, err)
	defer f.Close()
	_, err = f.WriteAt(b, off)
	mustDo(t, errors.Join(err, f.Sync()))
}

func resize(t *testing.T, disk vfs.FS, name string, change int64) {
	t.Helper()
	f, err := disk.Open(name, vfs.Write)
	mustDo(t, err)
	defer f.Close()
	size, err := f.Size()
	mustDo(t, err)
	mustDo(t, errors.Join(f.Truncate(size+change), f.Sync()))
}

// damages are what stops a partition when its log is opened.
var damages = []struct {
	name  string
	crash bool
	do    func(t *testing.T, disk *vfs.Mem)
	left  int      // values that can still be read
	words []string // in the message
}{
	{"flipped bit in the active segment below the checkpoint", true, func(t *testing.T, disk *vfs.Mem) {
		mustDo(t, disk.FlipBit(at(segmentFiles(t, disk, ".log"), -2), 100))
		mustDo(t, disk.Remove("data/checkpoint"))
	}, 25, []string{"position 0, offset 25", "CRC"}},
	{"flipped bit found because an index is missing", false, func(t *testing.T, disk *vfs.Mem) {
		mustDo(t, disk.FlipBit(at(segmentFiles(t, disk, ".log"), -1), 100))
		mustDo(t, disk.Remove(at(segmentFiles(t, disk, ".index"), -1)))
	}, 30, []string{"position 0, offset 30", "CRC", "what lies below offset 33 had been synced"}},
	{"active segment cut short", false, func(t *testing.T, disk *vfs.Mem) {
		resize(t, disk, at(segmentFiles(t, disk, ".log"), -1), -1)
	}, 32, []string{"offset 32", "what lies below offset 33 had been synced"}},
	{"sealed segment cut short, no checkpoint", true, func(t *testing.T, disk *vfs.Mem) {
		resize(t, disk, at(segmentFiles(t, disk, ".log"), 2), -300)
		mustDo(t, disk.Remove("data/checkpoint"))
	}, 13, []string{"offset 13"}},
	{"whole batches cut off a sealed segment, no checkpoint", true, func(t *testing.T, disk *vfs.Mem) {
		name := at(segmentFiles(t, disk, ".log"), 2)
		info, err := disk.Stat(name)
		mustDo(t, err)
		resize(t, disk, name, -info.Size()/5)
		mustDo(t, disk.Remove("data/checkpoint"))
	}, 14, []string{"offset 14", "the next one begins at offset 15"}},
	{"clean stop, no checkpoint, flipped bit at the end", false, func(t *testing.T, disk *vfs.Mem) {
		name := at(segmentFiles(t, disk, ".log"), -1)
		info, err := disk.Stat(name)
		mustDo(t, err)
		mustDo(t, disk.FlipBit(name, info.Size()-1))
		mustDo(t, disk.Remove("data/checkpoint"))
	}, 32, []string{"offset 32", "more than a write that was cut off can have left"}},
	{"first segment missing", false, func(t *testing.T, disk *vfs.Mem) {
		mustDo(t, disk.Remove(at(segmentFiles(t, disk, ".log"), 0)))
	}, 0, []string{"00000000000000000000.log is missing", "from offset 0 on"}},
	{"active segment missing", false, func(t *testing.T, disk *vfs.Mem) {
		mustDo(t, disk.Remove(at(segmentFiles(t, disk, ".log"), -1)))
	}, 30, []string{"00000000000000000030.log is missing", "from offset 30 on"}},
	{"active segment missing after a crash", true, func(t *testing.T, disk *vfs.Mem) {
		mustDo(t, disk.Remove(at(segmentFiles(t, disk, ".log"), -2)))
	}, 25, []string{"00000000000000000025.log is missing", "from offset 25 on"}},
	{"folder missing", false, func(t *testing.T, disk *vfs.Mem) {
		mustDo(t, disk.RemoveAll("data/topics/a-0"))
	}, 0, []string{"00000000000000000000.log is missing"}},
	{"folder missing after a crash", true, func(t *testing.T, disk *vfs.Mem) {
		mustDo(t, disk.RemoveAll("data/topics/a-0"))
	}, 0, []string{"00000000000000000000.log is missing"}},
}

// TestADamagedPartitionStopsAndTheLogOpens: the message says what to do, what lies
// before the damage can be read, and the damage is still there after a restart,
// until the partition is cut as asked.
func TestADamagedPartitionStopsAndTheLogOpens(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			disk := writtenLog(t, d.crash)
			d.do(t, disk)
			for range 2 {
				l := openLog(t, disk)
				healthy := l.partition("b", 0)
				p := l.partition("a", 0, smallSegments)
				l.start()
				mustAppend(t, healthy, makeBatch(t, 0, 1, 100, nil))
				if err := p.Err(); !errors.Is(err, ErrCorruption) || !errors.Is(err, ErrStorage) || !containsAll(err.Error(), d.words) {
					t.Fatalf("the partition says %v, want corruption and %q", err, d.words)
				}
				l.logs.want(t, "partition is damaged", "restored from a backup", "truncation of damaged partitions allowed", "a-0")
				wantValues(t, values(t, p), d.left)
				if _, err := appendSync(p, makeBatch(t, 0, 1, 100, nil)); !errors.Is(err, ErrCorruption) {
					t.Errorf("append: %v, want corruption", err)
				}
				l.close()
			}
			checkCut(t, disk, d.left)
		})
	}
}

// checkCut opens the log with truncation allowed and checks that the partition is
// cut at the damage, for good.
func checkCut(t *testing.T, disk vfs.FS, left int) {
	t.Helper()
	l := openLog(t, disk, truncateDamaged)
	p := l.partition("a", 0, smallSegments)
	l.start()
	mustDo(t, p.Err())
	l.logs.want(t, "cutting a damaged partition as asked; records are lost", "a-0")
	wantValues(t, values(t, p), left)
	fill(t, p, left, left+10, 100)
	l.close()
	_, p = started(t, disk, smallSegments)
	mustDo(t, p.Err())
	wantValues(t, values(t, p), left+10)
}

// TestDamageInASealedSegmentIsFoundByItsReader: an open does not read all there is.
func TestDamageInASealedSegmentIsFoundByItsReader(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, disk *vfs.Mem)
		bad  int64 // the first offset that cannot be read
	}{
		{"flipped bit in a batch's length", func(t *testing.T, disk *vfs.Mem) {
			mustDo(t, disk.FlipBit(at(segmentFiles(t, disk, ".log"), 1), 8)) // the length's highest byte
		}, 6},
		{"flipped bit in a batch's base offset", func(t *testing.T, disk *vfs.Mem) {
			overwrite(t, disk, at(segmentFiles(t, disk, ".log"), 1), 0, []byte{0x80})
		}, 6},
		{"flipped bit in a batch's magic", func(t *testing.T, disk *vfs.Mem) {
			mustDo(t, disk.FlipBit(at(segmentFiles(t, disk, ".log"), 1), 16))
		}, 6},
		{"segment missing in the middle", func(t *testing.T, disk *vfs.Mem) {
			for _, suffix := range []string{".log", ".index", ".timeindex"} {
				mustDo(t, disk.Remove(at(segmentFiles(t, disk, suffix), 1)))
			}
		}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := writtenLog(t, false)
			c.do(t, disk)
			_, p := started(t, disk, smallSegments)
			mustDo(t, p.Err())
			if raw, err := readFrom(p, 4, 300); err != nil || len(raw) == 0 {
				t.Errorf("before the damage: %d bytes, %v", len(raw), err)
			}
			_, err := readFrom(p, c.bad, 1)
			if !errors.Is(err, ErrCorruption) || !errors.Is(err, ErrStorage) || !strings.Contains(err.Error(), "data/topics/a-0/") {
				t.Errorf("at the damage: %v, want corruption and the file's name", err)
			}
			if raw, err := readFrom(p, 10, 300); err != nil || len(raw) == 0 {
				t.Errorf("behind the damage: %d bytes, %v", len(raw), err)
			}
		})
	}
}

// TestAFlippedBitInAnIndexMisleadsNobody: an entry that does not lead to its batch
// is noticed, and others cost only time.
func TestAFlippedBitInAnIndexMisleadsNobody(t *testing.T) {
	for _, restart := range []bool{true, false} {
		for at := range int64(8 * 3) {
			disk := writtenLog(t, false)
			name := segmentFiles(t, disk, ".index")[1]
			flip := func() { mustDo(t, disk.FlipBit(name, at)) }
			if restart {
				flip()
			}
			l, p := started(t, disk, smallSegments)
			if !restart {
				_, err := readFrom(p, 7, 1) // it is known by now
				mustDo(t, err)
				flip()
			}
			for offset := range int64(damagedValues) {
				raw, err := readFrom(p, offset, 1)
				if err != nil || offsetOfFirst(raw) != offset {
					t.Fatalf("bit of byte %d flipped, read at %d: offset %d, %v", at, offset, offsetOfFirst(raw), err)
				}
			}
			l.close()
		}
	}
}

// TestATornEndIsCut after a crash: nothing in it had been acknowledged.
func TestATornEndIsCut(t *testing.T) {
	torn := makeBatch(t, 7, 1, 500, nil)
	for name, c := range map[string]struct {
		tail   []byte
		logged bool
	}{
		"half a batch":         {torn[:300], true},
		"half a header":        {torn[:20], true},
		"noise":                {slices.Repeat([]byte{0xa5}, 10_000), true},
		"zeros beyond a block": {make([]byte, 5000), true},
		"padding":              {make([]byte, 100), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, p := started(t, writtenLog(t, true), smallSegments)
			end := p.active().size // in the file, zeros follow
			disk := writtenLog(t, true)
			last := at(segmentFiles(t, disk, ".log"), -1)
			overwrite(t, disk, last, end, c.tail)
			l, p := started(t, disk, smallSegments)
			mustDo(t, p.Err())
			wantValues(t, values(t, p), damagedValues)
			if c.logged {
				l.logs.want(t, "cut the torn end of a segment; nothing in it had been acknowledged", last)
			} else if strings.Contains(l.logs.text.String(), "torn end") {
				t.Error("padding is reported as torn")
			}
			fill(t, p, damagedValues, damagedValues+5, 100)
			l.close()
			_, p = started(t, disk, smallSegments)
			wantValues(t, values(t, p), damagedValues+5)
		})
	}
}

// TestWhatLiesBehindATornEndNeverComesBack: the next batch reaches up to a sound
// one in the file.
func TestWhatLiesBehindATornEndNeverComesBack(t *testing.T) {
	_, p := started(t, writtenLog(t, true), smallSegments)
	end := p.active().size
	gap := int(vfs.BlockSize - end%vfs.BlockSize)
	small := len(makeBatch(t, 0, 1, 100, nil))
	filler := makeBatch(t, damagedValues, 1, 100+gap-small-1, nil) // lengths take a byte more
	if len(filler) != gap {
		t.Fatalf("the filler has %d bytes, want %d", len(filler), gap)
	}
	ghost := batch.Batch(makeBatch(t, 666, 1, 100, nil))
	ghost.SetBaseOffset(damagedValues + 1)

	disk := writtenLog(t, true)
	last := at(segmentFiles(t, disk, ".log"), -1)
	overwrite(t, disk, last, end, slices.Concat(bytes.Repeat([]byte{0xff}, gap), ghost))
	large := func(s *Settings) { s.IndexIntervalBytes = 200 } // it does not roll
	l, p := started(t, disk, large)
	mustAppend(t, p, filler)
	mustDo(t, p.flush())
	after := disk.Crash(vfs.KeepAll)
	_ = l.Close()
	_, p = started(t, after, large)
	wantValues(t, values(t, p), damagedValues+1)
}

// TestIndexesAreBuiltAnew when they are missing or cannot be what was written.
func TestIndexesAreBuiltAnew(t *testing.T) {
	remove := func(t *testing.T, disk *vfs.Mem, name string) { mustDo(t, disk.Remove(name)) }
	for name, do := range map[string]func(t *testing.T, disk *vfs.Mem, name string){
		"missing":  remove,
		"empty":    func(t *testing.T, disk *vfs.Mem, name string) { resize(t, disk, name, -fileSize(t, disk, name)) },
		"odd size": func(t *testing.T, disk *vfs.Mem, name string) { resize(t, disk, name, -1) },
		"zeros": func(t *testing.T, disk *vfs.Mem, name string) {
			overwrite(t, disk, name, 8, make([]byte, fileSize(t, disk, name)-8))
		},
		"garbage": func(t *testing.T, disk *vfs.Mem, name string) {
			overwrite(t, disk, name, 0, []byte("no index at all!"))
		},
		"too far": func(t *testing.T, disk *vfs.Mem, name string) {
			overwrite(t, disk, name, 0, slices.Repeat([]byte{0x7f}, 24))
		},
	} {
		for _, suffix := range []string{".index", ".timeindex"} {
			for _, crash := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s%s/crash=%v", name, suffix, crash), func(t *testing.T) {
					disk := writtenLog(t, crash)
					for _, f := range segmentFiles(t, disk, suffix) {
						do(t, disk, f)
					}
					l, p := started(t, disk, smallSegments)
					mustDo(t, p.Err())
					for offset := range int64(damagedValues) {
						raw, err := readFrom(p, offset, 1)
						if err != nil || offsetOfFirst(raw) != offset {
							t.Fatalf("read at %d: offset %d, %v", offset, offsetOfFirst(raw), err)
						}
					}
					if _, _, ok, err := p.OffsetForTime(0); !ok || err != nil {
						t.Errorf("lookup by time: %v, %v", ok, err)
					}
					wantValues(t, values(t, p), damagedValues)
					l.logs.want(t, "an index is missing or torn; it is built anew from its segment")
					fill(t, p, damagedValues, damagedValues+1, 100)
					l.close()
					l, p = started(t, disk, smallSegments)
					wantValues(t, values(t, p), damagedValues+1)
					if strings.Contains(l.logs.text.String(), "index") {
						t.Error("an index is still not right after a restart")
					}
				})
			}
		}
	}
}

func fileSize(t *testing.T, disk vfs.FS, name string) int64 {
	t.Helper()
	info, err := disk.Stat(name)
	mustDo(t, err)
	return info.Size()
}

// TestReadErrorsAreStorageErrors and end when the disk reads again.
func TestReadErrorsAreStorageErrors(t *testing.T) {
	for _, text := range []string{".log", ".index"} {
		t.Run(text, func(t *testing.T) {
			disk := faultsOn(writtenLog(t, false))
			l, p := started(t, disk, smallSegments)
			mustDo(t, p.Err())
			disk.fail(vfs.OpRead, text, errDisk)
			if _, err := readFrom(p, 7, 1000); !errors.Is(err, ErrStorage) || !errors.Is(err, errDisk) || errors.Is(err, ErrCorruption) {
				t.Errorf("read: %v, want a storage error", err)
			}
			if _, _, _, err := p.OffsetForTime(1); !errors.Is(err, ErrStorage) || !errors.Is(err, errDisk) {
				t.Errorf("lookup by time: %v, want a storage error", err)
			}
			l.logs.want(t, "cannot read a partition", "a-0", errDisk.Error())
			disk.heal()
			wantValues(t, values(t, p), damagedValues)
			mustAppend(t, p, makeBatch(t, damagedValues, 1, 100, nil))
		})
	}
}

// TestAReadErrorInRecoveryIsNotDamage: the log does not open, and nothing is cut.
func TestAReadErrorInRecoveryIsNotDamage(t *testing.T) {
	for _, text := range []string{".log", "checkpoint", ".journal"} {
		t.Run(text, func(t *testing.T) {
			disk := faultsOn(writtenLog(t, true))
			disk.fail(vfs.OpRead, text, errDisk)
			l, err := tryOpen(t, disk, truncateDamaged)
			if err == nil {
				s := DefaultSettings()
				_, err = l.OpenPartition(testID("a", 0), s)
				_ = l.Close()
			}
			if !errors.Is(err, errDisk) {
				t.Errorf("opening says %v", err)
			}
			disk.heal()
			_, p := started(t, disk, smallSegments)
			mustDo(t, p.Err())
			wantValues(t, values(t, p), damagedValues)
		})
	}
}
