package avro

import (
	"slices"

	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// sameness compares types that were defined twice. Pairs that were begun are
// taken for the same: types may contain themselves.
type sameness map[[2]*node]bool

func (s sameness) of(a, b *node) bool {
	if a == b || s[[2]*node{a, b}] {
		return true
	}
	s[[2]*node{a, b}] = true
	if a.kind != b.kind || a.name != b.name || a.size != b.size || a.isError != b.isError ||
		!slices.Equal(a.symbols, b.symbols) || !sameProps(a.props, b.props) ||
		len(a.fields) != len(b.fields) || len(a.branches) != len(b.branches) {
		return false
	}
	if a.items != nil && !s.of(a.items, b.items) {
		return false
	}
	for i := range a.branches {
		if !s.of(a.branches[i], b.branches[i]) {
			return false
		}
	}
	for i := range a.fields {
		f, g := &a.fields[i], &b.fields[i]
		if f.name != g.name || f.order != g.order || !sameValue(f.fallback, g.fallback) || !sameProps(f.props, g.props) || !s.of(f.typ, g.typ) {
			return false
		}
	}
	return true
}

func sameProps(a, b []jsontext.Member) bool {
	return sameValue(&jsontext.Value{Kind: jsontext.Object, Members: a}, &jsontext.Value{Kind: jsontext.Object, Members: b})
}

func sameValue(a, b *jsontext.Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	sorted := jsontext.Style{Sorted: true, Doubles: true}
	return string(sorted.Append(nil, a)) == string(sorted.Append(nil, b))
}
