package state

import (
	"bytes"
	"slices"
)

// A span is the keys with a prefix from one up to but without another, behind the prefix;
// nil is the beginning, and the end.
type span struct {
	prefix   []byte
	from, to []byte
}

// shareLeast is how many bytes of runs are worth a goroutine of their own.
const shareLeast = 4 << 20

// shares divides the keys of runs into so many shares at most, of about as many bytes, and
// not much less than the least. All of a share comes before the next one, as do its spans.
// There is one share at least.
func shares(files []*runFile, limit, least int) [][]span {
	prefixes, total := contentsOf(files)
	each := max(least, total/limit+1)
	list := [][]span{nil}
	seen := 0
	for _, prefix := range prefixes {
		s := span{prefix: prefix}
		for _, b := range blocksOf(files, prefix) {
			if seen >= each*len(list) && bytes.Compare(b.first, s.from) > 0 {
				s.to = b.first
				list[len(list)-1] = append(list[len(list)-1], s)
				list = append(list, nil)
				s = span{prefix: prefix, from: b.first}
			}
			seen += b.size
		}
		list[len(list)-1] = append(list[len(list)-1], s)
	}
	return list
}

// contentsOf are the prefixes in runs, in order, and the size of their items in bytes.
func contentsOf(files []*runFile) (prefixes [][]byte, size int) {
	for _, f := range files {
		for _, s := range f.sections {
			prefixes = append(prefixes, s.prefix)
			for _, b := range s.blocks {
				size += b.size
			}
		}
	}
	slices.SortFunc(prefixes, bytes.Compare)
	return slices.CompactFunc(prefixes, bytes.Equal), size
}

// blocksOf are the blocks of all runs with a prefix, in the order of their first keys.
func blocksOf(files []*runFile, prefix []byte) (list []block) {
	for _, f := range files {
		if s := f.section(prefix); s != nil {
			list = append(list, s.blocks...)
		}
	}
	slices.SortFunc(list, func(a, b block) int { return bytes.Compare(a.first, b.first) })
	return list
}

// section is that of a prefix, or nil.
func (f *runFile) section(prefix []byte) *section {
	for i := range f.sections {
		if bytes.Equal(f.sections[i].prefix, prefix) {
			return &f.sections[i]
		}
	}
	return nil
}

// common is how many bytes at least all keys with a prefix have in common behind it.
func common(files []*runFile, prefix []byte) int {
	var same []byte
	begun := false
	for _, f := range files {
		s := f.section(prefix)
		if s == nil {
			continue
		}
		if !begun {
			same, begun = s.last, true
		}
		same = same[:min(inCommon(s.blocks[0].first, same), inCommon(s.last, same))]
	}
	return len(same)
}
