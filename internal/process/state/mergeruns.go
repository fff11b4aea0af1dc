package state

import (
	"bytes"
	"math"
)

// A merged goes through several sorted sources at once, in the order of their keys; of
// equal keys it gives that of the last source. The sources have the same skip. It is a
// tree of losers: each node has the source that lost there, so that one comparison for
// each level finds who is next.
type merged struct {
	sources []*runReader // the oldest first
	nodes   []node       // that of the least key first; a source's leaf would be behind all
	key     []byte       // of where it is, once it has begun
	begun   bool
}

// A node has a source with the head of its key, the greatest at its end.
type node struct {
	head   uint64
	source int32
}

// mergeSources begins to go through sources, which are at their first keys.
func mergeSources(sources []*runReader) *merged {
	m := &merged{sources: sources, nodes: make([]node, len(sources))}
	for i := range m.nodes {
		m.nodes[i].source = -1
	}
	for i := range sources {
		m.place(int32(i))
	}
	return m
}

// place lets a source that has moved play from its leaf to the top; the first one to come
// to a node waits there for the second.
func (m *merged) place(source int32) {
	r := m.sources[source]
	now := node{r.head, source}
	if r.ended {
		now.head = math.MaxUint64
	}
	for i := (len(m.nodes) + int(source)) / 2; i > 0; i /= 2 {
		n := &m.nodes[i]
		if n.source < 0 {
			*n = now
			return
		}
		if n.head < now.head || n.head == now.head && m.before(n.source, now.source) {
			*n, now = now, *n
		}
	}
	m.nodes[0] = now
}

// before says which of two sources comes first whose heads are the same.
func (m *merged) before(a, b int32) bool {
	x, y := m.sources[a], m.sources[b]
	if x.ended || y.ended {
		return !x.ended
	}
	c := bytes.Compare(x.key, y.key)
	return c < 0 || c == 0 && a > b
}

// next goes to the next key; it is false at the end.
func (m *merged) next() (bool, error) {
	if len(m.nodes) == 0 {
		return false, nil
	}
	for {
		if m.begun {
			i := m.nodes[0].source
			if err := m.sources[i].next(); err != nil {
				return false, err
			}
			m.place(i)
		}
		first := m.sources[m.nodes[0].source]
		if first.ended {
			return false, nil
		}
		if m.begun && bytes.Equal(first.key, m.key) {
			continue
		}
		m.key, m.begun = append(m.key[:0], first.key...), true
		return true, nil
	}
}

// at is where it is: valid until the next call of next.
func (m *merged) at() (key, value []byte) { return m.key, m.sources[m.nodes[0].source].value }
