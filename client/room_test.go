package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// filledBoard has a partition with records of keys of their own, all of them taken.
func filledBoard(t *testing.T, n int) (*board, *part, []*task) {
	t.Helper()
	b := newBoard()
	p := b.open(t.Context(), "t", 0)
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Offset: int64(i), Key: fmt.Append(nil, i)}
	}
	b.add(p, records)
	tasks := make([]*task, n)
	for i := range tasks {
		tasks[i] = b.take()
	}
	return b, p, tasks
}

func woken(full <-chan struct{}) bool {
	select {
	case <-full:
		return true
	default:
		return false
	}
}

func TestWhoWaitsForRoomIsWokenOnceThereIsSomeAndNotBefore(t *testing.T) {
	b, p, tasks := filledBoard(t, 4)
	parts := []*part{p}
	full := b.room(parts, 3)
	b.finish(tasks[1])
	if woken(full) {
		t.Error("woken while all four wait for the first")
	}
	b.finish(tasks[0])
	if !woken(full) || b.room(parts, 3) != nil {
		t.Error("two are left, and no room is seen where three may be")
	}
}

func TestWhoWaitsForRoomIsWokenForWhatWaitsForAParkedTask(t *testing.T) {
	b, p, tasks := filledBoard(t, 4)
	parts := []*part{p}
	b.park(tasks[1], time.Hour)
	full := b.room(parts, 2)
	b.finish(tasks[0]) // now the parked one is the first
	if !woken(full) {
		t.Fatal("not woken")
	}
	full = b.room(parts, 2)
	if pause, _ := b.stuck(parts, 2); len(pause["t"]) != 1 || !woken(full) || b.room(parts, 2) != nil {
		t.Errorf("paused %v: the partition keeps others waiting", pause)
	}
}

func TestWhoWaitsForRoomIsWokenWhenAPartitionIsGivenUp(t *testing.T) {
	b, p, _ := filledBoard(t, 4)
	full := b.room([]*part{p}, 2)
	b.give(p)
	if !woken(full) || b.room([]*part{p}, 2) != nil {
		t.Error("what is given up takes room")
	}
}
