package index

// Stats are figures of an index.
type Stats struct {
	Records   int64 // taken since the start
	Lag       int64 // offsets that have come, and the index does not have
	Blocks    int64 // files
	Bytes     int64 // of them
	Memory    int64 // bytes of slots that are in no file yet
	Searched  int64 // blocks that searches have looked into since the start
	Damaged   int64 // blocks that were found to be since the start
	Unremoved int64 // partitions that were dropped, and whose files are still there
}

// Stats tells how the index is.
func (ix *Index) Stats() Stats {
	s := Stats{
		Records: ix.records.Load(), Memory: ix.memory.Load(), Searched: ix.searched.Load(), Damaged: ix.damaged.Load(),
		Unremoved: int64(len(ix.dropped())),
	}
	for _, p := range ix.list("") {
		p.mu.Lock()
		s.Lag += max(0, p.mu.live-p.mu.growing.next)
		for _, b := range p.mu.blocks {
			s.Blocks++
			s.Bytes += b.pages() * pageSize
		}
		p.mu.Unlock()
	}
	return s
}

// pages is how many pages the file has.
func (h *header) pages() int64 { return h.start(Field(fields)) + pagesOf(h.zones, zonesAPage) }
