package seen

import "runtime"

// smallest is from how many bytes on memory is taken from outside Go's heap: less would
// be mostly rounding.
const smallest = 64 << 10

// A region is memory, zero at first. What is outside the heap is given back by free, or
// once nothing refers to the region: whoever uses its bytes keeps it alive meanwhile.
type region struct {
	bytes   []byte
	mapped  bool
	cleanup runtime.Cleanup
}

// newRegion gives n bytes: outside the heap if they can be had there.
func newRegion(n int) *region {
	if n >= smallest {
		if b, err := mapMemory(n); err == nil {
			r := &region{bytes: b, mapped: true}
			r.cleanup = runtime.AddCleanup(r, unmapMemory, b)
			return r
		}
	}
	return &region{bytes: make([]byte, n)}
}

// free gives the memory back, which nobody uses any more.
func (r *region) free() {
	if r.mapped {
		r.cleanup.Stop()
		unmapMemory(r.bytes)
	}
	r.bytes, r.mapped = nil, false
}
