package index

import (
	"errors"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// threeBlocks is an index of blocks with 100 offsets each.
func threeBlocks(t *testing.T, fsys vfs.FS) (*Index, *Partition) {
	t.Helper()
	ix := open(t, fsys, 67) // of 100 offsets that many have records
	p := ix.orders(t, 0)
	for from := int64(0); from < 300; from += 100 {
		add(ix, p, from, from+100)
	}
	ix.close(t)
	if len(p.mu.blocks) != 3 {
		t.Fatalf("%d blocks", len(p.mu.blocks))
	}
	return ix, p
}

// search searches by something that is in no block, and returns what it fails with.
func search(p *Partition) error {
	var terms Terms
	terms.AnyTime()
	terms.Values[Key] = []byte("key3")
	for _, err := range p.Find(terms, 0) {
		if err != nil {
			return err
		}
	}
	return nil
}

// Every byte that is flipped is found, or does not matter.
func TestDamageIsFound(t *testing.T) {
	for at := int64(8); at < 4*pageSize; at += 513 {
		disk := newDisk(t)
		_, p := threeBlocks(t, disk)
		flip(t, disk, p.mu.blocks[1].name, at)
		if err := search(p); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d: %v", at, err)
		}
		open(t, disk, 100).orders(t, 300) // must not fail
	}
}

func TestOnlyWhatFollowsDamageIsMadeAgain(t *testing.T) {
	disk := newDisk(t)
	ix, p := threeBlocks(t, disk)
	damaged := p.mu.blocks[1]
	flip(t, disk, damaged.name, pageSize+10)
	err := search(p)
	if !errors.Is(err, ErrCorrupt) {
		t.Fatalf("got %v", err)
	}
	for range 2 { // as two searches at once would
		if err := p.Mend(err); err != nil {
			t.Fatal(err)
		}
		if p.Next() < damaged.first || !p.Behind() {
			t.Fatalf("the index reaches %d, damaged from %d on", p.Next(), damaged.first)
		}
		if p.Next() == damaged.first {
			add(ix, p, damaged.first, damaged.first+20)
		}
	}
	if p.Next() != damaged.first+20 {
		t.Errorf("what was mended is cut off again: it reaches %d", p.Next())
	}
	if list, err := disk.ReadDir(p.dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if err := search(p); err != nil {
		t.Error(err)
	}
	add(ix, p, p.Next(), 300)
	check(t, p, nil, 0)
	if other := errors.New("disk full"); p.Mend(other) != other || p.Mend(nil) != nil {
		t.Error("what is no damage is mended")
	}
}

func TestDamageThatErasingFindsIsMended(t *testing.T) {
	disk := newDisk(t)
	_, p := threeBlocks(t, disk)
	flip(t, disk, p.mu.blocks[1].name, pageSize+10)
	if err := p.Erase([]proof.Range{{First: 0, Last: 0}, {First: 150, Last: 150}}); err != nil {
		t.Fatal(err)
	}
	if p.Next() != 100 || !p.Behind() {
		t.Errorf("it reaches %d", p.Next())
	}
	check(t, p, map[int64]bool{0: true}, 0)
}

// A disk that fails while a file is overwritten must not let the erasure pass for
// done: the slots are still there.
func TestAnErasureIsNotDoneBeforeTheOldFileIsGone(t *testing.T) {
	gone := []proof.Range{{First: 150, Last: 150}}
	broken, failed := errors.New("broken"), 0
	for n := 1; ; n++ {
		mem := newDisk(t)
		ix, p := threeBlocks(t, mem)
		count := 0
		ix.cfg.FS = vfs.NewFaulty(mem, func(op vfs.Op) error {
			if op.Kind.Mutates() {
				count++
			}
			if count == n {
				count = n + 1 // once
				return broken
			}
			return nil
		})
		err := p.Erase(gone)
		if err == nil {
			break
		}
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		failed++
		if err := p.Erase(gone); err != nil {
			t.Fatalf("operation %d: again: %v", n, err)
		}
		if list, err := mem.ReadDir(p.dir); err != nil || len(list) != 3 {
			t.Errorf("operation %d: %v, %v", n, list, err)
		}
		check(t, p, map[int64]bool{150: true}, 0)
	}
	if failed < 5 {
		t.Errorf("it failed %d times", failed)
	}
}

// An erasure that a crash has interrupted is gone on with before its partition is
// opened.
func TestWhatIsNotOpenIsErased(t *testing.T) {
	disk := newDisk(t)
	threeBlocks(t, disk)
	ix := open(t, disk, 100)
	if err := ix.Erase(orders.TopicID, orders.Partition, []proof.Range{{First: 150, Last: 150}}); err != nil {
		t.Fatal(err)
	}
	check(t, ix.orders(t, 300), map[int64]bool{150: true}, 0)
}

func TestWhatIsForgottenIsRemoved(t *testing.T) {
	disk := newDisk(t)
	threeBlocks(t, disk)
	ix := open(t, disk, 100)
	ix.Forget(orders)
	if err := ix.removeDropped(); err != nil {
		t.Fatal(err)
	}
	if list, err := disk.ReadDir("/data/index"); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if p := ix.orders(t, 0); p.Next() != 0 {
		t.Error("it is still there")
	}
	ix.Forget(orders) // which is open
	if len(ix.Partitions("")) != 1 {
		t.Error("an open index was forgotten")
	}
}

// What is turned on again begins with nothing, though nobody had the time to
// remove what there was.
func TestAPartitionIsOpenedAgainAfterItsFilesAreGone(t *testing.T) {
	disk := newDisk(t)
	ix, p := threeBlocks(t, disk)
	p.Drop()
	p = ix.orders(t, 300)
	if p.Next() != 0 || !p.Behind() {
		t.Errorf("it reaches %d", p.Next())
	}
	add(ix, p, 0, 300)
	ix.close(t)
	if err := ix.removeDropped(); err != nil {
		t.Fatal(err)
	}
	check(t, p, nil, 0)
}
