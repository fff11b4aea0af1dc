package index

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

var orders = Name{Topic: "orders", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ", Partition: 3}

func newDisk(t testing.TB) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

// A record as the model has it. Fields that it has not are empty.
type record struct {
	offset, timestamp int64
	values            [fields]string
}

func (r *record) batchRecord() *batch.Record {
	var h batch.Headers
	for f, name := range map[Field]string{ID: "ce_id", Type: "ce_type", Correlation: "ce_correlationid"} {
		if v := r.values[f]; v != "" {
			h = h.Append(name, []byte(v))
		}
	}
	b := &batch.Record{Offset: r.offset, Timestamp: r.timestamp, Headers: h}
	if v := r.values[Key]; v != "" {
		b.Key = []byte(v)
	}
	return b
}

// newRecord returns the record that stands at an offset of every log here.
func newRecord(offset int64) record { return records()[offset] }

var records = sync.OnceValue(func() (list []record) {
	for o := range int64(30_000) {
		list = append(list, makeRecord(o))
	}
	return list
})

func makeRecord(offset int64) record {
	r := rand.New(rand.NewPCG(uint64(offset), 7))
	rec := record{offset: offset, timestamp: offset*10 + r.Int64N(500)}
	rec.values[ID] = fmt.Sprint("id", offset)
	rec.values[Key] = fmt.Sprint("key", r.IntN(20))
	if r.IntN(3) > 0 {
		rec.values[Type] = fmt.Sprint("type", r.IntN(3))
	}
	if r.IntN(3) == 0 {
		rec.values[Correlation] = fmt.Sprint("correlation", offset/9)
	}
	return rec
}

// A log has every third offset missing, as compaction leaves it.
func there(offset int64) bool { return offset%3 != 1 }

// add adds what stands at offsets from..to.
func add(ix *Index, p *Partition, from, to int64) Added {
	c := ix.Collector()
	defer c.Release()
	for o := from; o < to; o++ {
		if there(o) {
			r := newRecord(o)
			b := r.batchRecord()
			c.Record(b.Offset, b.Timestamp, b.Key, b.Value, b.Headers)
		}
	}
	return p.Add(from, to, c)
}

// check compares what is found with what is there, from an offset to Next. Erased
// is true for what must not be found, and false for what may be.
func check(t testing.TB, p *Partition, erased map[int64]bool, start int64) {
	t.Helper()
	next := p.Next()
	byValue := map[string][]int64{}
	for o := start; o < next; o++ {
		if _, gone := erased[o]; gone || !there(o) {
			continue
		}
		r := newRecord(o)
		for f, v := range r.values {
			if v != "" {
				byValue[fmt.Sprint(f, v)] = append(byValue[fmt.Sprint(f, v)], o)
			}
		}
	}
	for f := range fields {
		for i := range 8 {
			v := []string{"key", "id", "type", "correlation"}[f] + fmt.Sprint(i*int(next)/8)
			if f == int(Key) || f == int(Type) {
				v = []string{"key", "id", "type"}[f] + fmt.Sprint(i)
			}
			var terms Terms
			terms.AnyTime()
			terms.Values[f] = []byte(v)
			got := slices.DeleteFunc(found(t, p, terms, 0), func(o int64) bool {
				gone, perhaps := erased[o]
				return o < start || perhaps && !gone
			})
			if want := byValue[fmt.Sprint(f, v)]; !slices.Equal(got, want) {
				t.Fatalf("field %d, %q, below %d: found %v, want %v", f, v, next, got, want)
			}
		}
	}
}

func found(t testing.TB, p *Partition, terms Terms, from int64) (offsets []int64) {
	t.Helper()
	for o, err := range p.Find(terms, from) {
		if err != nil {
			t.Fatal(err)
		}
		offsets = append(offsets, o)
	}
	return offsets
}

// ranges are those of some offsets.
func ranges(offsets map[int64]bool) (list []proof.Range) {
	for _, o := range slices.Sorted(maps.Keys(offsets)) {
		list = append(list, proof.Range{First: o, Last: o})
	}
	return list
}
