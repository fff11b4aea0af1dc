package anchor

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/evidentlog/evident/proof"
)

func (s *Store) list(kind string) []place {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.mu.kinds[kind])
}

func (s *Store) kinds() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.mu.kinds))
}

// from returns the receipts of a kind for checkpoints of at least a size.
func (s *Store) from(kind string, size int64) []place {
	list := s.list(kind)
	i, _ := slices.BinarySearchFunc(list, size, func(p place, size int64) int { return cmp.Compare(p.size, size) })
	return list[i:]
}

// complete tells whether a receipt proves something.
func (p *place) complete() bool { return p.state == Usable || p.state == Final }

// Of returns the complete receipts for the checkpoint of a size.
func (s *Store) Of(size int64) ([]proof.Receipt, error) {
	var receipts []proof.Receipt
	for _, kind := range s.kinds() {
		list := s.from(kind, size)
		if len(list) == 0 || list[0].size != size || !list[0].complete() {
			continue
		}
		f, err := s.read(list[0])
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, proof.Receipt{Anchor: kind, Data: f.Data})
	}
	return receipts, nil
}

// First returns the smallest size, from one on, of a checkpoint with a complete
// receipt.
func (s *Store) First(from int64) (size int64, ok bool) {
	for _, kind := range s.kinds() {
		list := s.from(kind, from)
		if i := slices.IndexFunc(list, func(p place) bool { return p.complete() }); i >= 0 && (!ok || list[i].size < size) {
			size, ok = list[i].size, true
		}
	}
	return size, ok
}

// unfinished returns receipts that can get better and are not too old to be
// asked for.
func (s *Store) unfinished(kind string, now time.Time) []place {
	return slices.DeleteFunc(s.list(kind), func(p place) bool {
		return p.state == Final || p.state == Lost || now.Sub(p.submitted) > giveUpAfter
	})
}

// newest returns the newest receipt of a kind that fulfils a condition.
func (s *Store) newest(kind string, fulfils func(place) bool) (place, bool) {
	for _, p := range slices.Backward(s.list(kind)) {
		if fulfils(p) {
			return p, true
		}
	}
	return place{}, false
}
