package ledger

import "fmt"

// MaxSalts is how many salts are given out at once.
const MaxSalts = 1 << 16

// Salts returns salts of a tree from an offset on: at most count, at most
// MaxSalts, and none beyond the newest head. They follow one another, 16 bytes
// each, zeros where the record was erased. ErrNotYet tells that the head does not
// reach the offset.
//
// Whoever has the records may have their salts, and nobody else: a salt makes
// what its entry tells of a record checkable, and guesses of it with that.
func (l *Ledger) Salts(origin string, from int64, count int) ([]byte, error) {
	head, err := l.Head(origin)
	if err != nil {
		return nil, err
	}
	if from < 0 || from >= head.Size {
		return nil, fmt.Errorf("%w: salts from offset %d, and the newest head of %s has %d", ErrNotYet, from, origin, head.Size)
	}
	id, _ := l.store.Find(origin)
	return l.store.ReadSalts(id, from, int(min(int64(count), MaxSalts, head.Size-from)))
}
