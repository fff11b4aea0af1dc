package dedup

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/seen"
)

// load makes the memory from the stores.
func (h *handler) load(s process.Step) error {
	h.set = nil
	tail, err := readTail(s)
	if err != nil {
		return err
	}
	first, err := firstNumber(s, tail)
	if err != nil {
		return err
	}
	set, err := seen.New(h.size, first)
	if err != nil {
		return err
	}
	next := first
	set.Fill(func(yield func(seen.Remembered) bool) {
		err = each(s, nil, tail, func(k kept) error {
			if k.number != next {
				return fmt.Errorf("%w: id %d follows id %d", ErrState, k.number, next-1)
			}
			next++
			yield(seen.Remembered{ID: k.id, At: k.at})
			return nil
		})
	})
	if err != nil {
		return err
	}
	if n := len(tail); n > 0 && tail[n-1].number+1 != next {
		return fmt.Errorf("%w: the newest id is %d, and the ids end with %d", ErrState, tail[n-1].number, next-1)
	}
	h.set = set
	return nil
}

// firstNumber is that of the oldest id in the stores; 0 without one.
func firstNumber(s process.Step, tail []kept) (first uint64, err error) {
	for e, err := range s.Store(idsStore).Range(nil, nil) {
		if err != nil {
			return 0, err
		}
		block, err := parseBlock(e.Key, e.Value, func(kept) {})
		return block * blockLen, err
	}
	if tail = unblocked(tail); len(tail) > 0 {
		return tail[0].number, nil
	}
	return 0, nil
}

// readTail reads the newest ids, in their order: the last one is the newest of all.
func readTail(s process.Step) ([]kept, error) {
	var tail []kept
	for e, err := range s.Store(tailStore).Range(nil, nil) {
		if err != nil {
			return nil, err
		}
		k, err := parseTail(e.Key, e.Value)
		if err != nil {
			return nil, err
		}
		tail = append(tail, k)
	}
	slices.SortFunc(tail, func(a, b kept) int { return cmp.Compare(a.number, b.number) })
	return tail, nil
}

// unblocked are the ids of the tail that are in no block yet.
func unblocked(tail []kept) []kept {
	if len(tail) == 0 {
		return nil
	}
	next := tail[len(tail)-1].number + 1
	for i, k := range tail {
		if k.number >= next-next%blockLen {
			return tail[i:]
		}
	}
	return nil
}

// each gives the ids in the stores to a function, oldest first: blocks up to a key, and
// what is in none.
func each(s process.Step, to []byte, tail []kept, give func(kept) error) error {
	for e, err := range s.Store(idsStore).Range(nil, to) {
		if err != nil {
			return err
		}
		var failed error
		if _, err := parseBlock(e.Key, e.Value, func(k kept) {
			if failed == nil {
				failed = give(k)
			}
		}); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
	}
	for _, k := range unblocked(tail) {
		if err := give(k); err != nil {
			return err
		}
	}
	return nil
}

// agree makes sure that the memory is like the stores: steps and calls that were undone
// were so there only. Then the newest id in memory is not in its place in the tail.
func (h *handler) agree(s process.Step) error {
	if h.set == nil {
		return h.load(s)
	}
	if h.set.Len() == 0 {
		return nil // nothing was ever added
	}
	number := h.set.Next() - 1
	h.key = appendTailKey(h.key[:0], number)
	value, ok, err := s.Store(tailStore).Get(h.key)
	if err != nil {
		return err
	}
	if ok {
		k, err := parseTail(h.key, value)
		if err != nil {
			return err
		}
		if id, at := h.set.Entry(number); k == (kept{number, at, id}) {
			return nil
		}
	}
	return h.goBack(s)
}

// goBack undoes in memory what was undone in the stores. If that was too much, all is
// read again.
func (h *handler) goBack(s process.Step) error {
	tail, err := readTail(s)
	if err != nil {
		return err
	}
	if len(tail) == 0 {
		return h.load(s)
	}
	newest := tail[len(tail)-1]
	if newest.number < h.set.First() || newest.number >= h.set.Next() {
		return h.load(s)
	}
	if id, at := h.set.Entry(newest.number); newest != (kept{newest.number, at, id}) {
		return h.load(s)
	}
	h.set.Undo(newest.number + 1)
	return h.recall(s, tail)
}

// recall has ids back in memory that were forgotten there, and are in the stores.
func (h *handler) recall(s process.Step, tail []kept) error {
	var missing []kept
	first := h.set.First()
	err := each(s, appendBlockKey(nil, first/blockLen+1), tail, func(k kept) error {
		if k.number < first {
			missing = append(missing, k)
		}
		return nil
	})
	for _, k := range slices.Backward(missing) {
		h.set.Restore(k.id, k.at, nil)
	}
	return err
}
