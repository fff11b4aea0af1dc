package state

import (
	"bytes"
	"errors"
)

// A source gives keys in their order.
type source interface {
	// next goes to the next key; it is false at the end.
	next() (bool, error)
	// at is where it is: valid until the next call of next.
	at() (key, value []byte)
	close() error
}

// A merged goes through several sources at once; of equal keys it gives that of the last
// source.
type merged struct {
	heap  []heapItem // the first one's key is the least
	begun bool
	key   []byte
}

type heapItem struct {
	source
	key  []byte
	rank int // the later source has the higher
}

// mergeSources begins to go through sources, the oldest first.
func mergeSources(sources []source) (*merged, error) {
	m := &merged{}
	for i, s := range sources {
		item := heapItem{source: s, rank: i}
		ok, err := item.advance()
		if err != nil {
			return m, err
		}
		if ok {
			m.heap = append(m.heap, item)
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

// advance goes to the source's next key.
func (i *heapItem) advance() (bool, error) {
	ok, err := i.next()
	if ok && err == nil {
		i.key, _ = i.at()
	}
	return ok, err
}

// before says whether an item comes first.
func (i *heapItem) before(o *heapItem) bool {
	c := bytes.Compare(i.key, o.key)
	return c < 0 || c == 0 && i.rank > o.rank
}

// sink moves an item down to where it belongs.
func (m *merged) sink(i int) {
	h := m.heap
	for {
		least := 2*i + 1
		if least >= len(h) {
			return
		}
		if r := least + 1; r < len(h) && h[r].before(&h[least]) {
			least = r
		}
		if !h[least].before(&h[i]) {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// next goes to the next key, if there is one.
func (m *merged) next() (bool, error) {
	if !m.begun {
		m.begun = true
		return len(m.heap) > 0, nil
	}
	if len(m.heap) == 0 {
		return false, nil
	}
	m.key = append(m.key[:0], m.heap[0].key...)
	for len(m.heap) > 0 && bytes.Equal(m.heap[0].key, m.key) {
		if err := m.pass(); err != nil {
			return false, err
		}
	}
	return len(m.heap) > 0, nil
}

// pass goes beyond the first key of the source that is first.
func (m *merged) pass() error {
	ok, err := m.heap[0].advance()
	if err != nil {
		return err
	}
	if !ok {
		last := len(m.heap) - 1
		m.heap[0], m.heap = m.heap[last], m.heap[:last]
	}
	m.sink(0)
	return nil
}

func (m *merged) at() (key, value []byte) { return m.heap[0].at() }

func closeSources(sources []source) error {
	var errs []error
	for _, s := range sources {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
