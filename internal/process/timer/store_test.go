package timer

import (
	"iter"
	"maps"
	"slices"
)

// memory is a store with what a step does to it: what is committed, what the step has
// made of it, and the savepoints.
type memory struct {
	durable, now map[string]string
	saved        []map[string]string
	fails        error // what everything returns, if set
	ranges       int   // how often a range was begun
	read         int   // entries that ranges gave
}

func newMemory() *memory {
	return &memory{durable: map[string]string{}, now: map[string]string{}}
}

func (m *memory) Get(key []byte) ([]byte, bool, error) {
	value, ok := m.now[string(key)]
	return []byte(value), ok, m.fails
}

func (m *memory) Put(key, value []byte) error {
	if m.fails == nil {
		m.now[string(key)] = string(value)
	}
	return m.fails
}

func (m *memory) Delete(key []byte) error {
	if m.fails == nil {
		delete(m.now, string(key))
	}
	return m.fails
}

func (m *memory) Range(from, to []byte) iter.Seq2[struct{ Key, Value []byte }, error] {
	m.ranges++
	return func(yield func(struct{ Key, Value []byte }, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(m.now)) {
			if key < string(from) || key >= string(to) {
				continue
			}
			m.read++
			if !yield(struct{ Key, Value []byte }{[]byte(key), []byte(m.now[key])}, m.fails) || m.fails != nil {
				return
			}
		}
	}
}

func (m *memory) savepoint() { m.saved = append(m.saved, maps.Clone(m.now)) }

func (m *memory) undo() {
	m.now = m.saved[len(m.saved)-1]
	m.saved = m.saved[:len(m.saved)-1]
}

func (m *memory) commit() { m.durable, m.saved = maps.Clone(m.now), nil }
func (m *memory) abort()  { m.now, m.saved = maps.Clone(m.durable), nil }
