package batch

import (
	"fmt"
	"testing"
	"time"
)

// Benchmarks take batches of about 1 MB, as producers under load make them, and
// report the cost per record.

const benchBytes = 1 << 20

func benchBatch(b *testing.B, codec Codec, valueSize int) (Batch, *Codecs) {
	b.Helper()
	c := new(Codecs)
	builder := c.NewBuilder(Head{Codec: codec, LeaderEpoch: NoLeaderEpoch})
	for i := 0; builder.Size()+valueSize+20 < benchBytes; i++ {
		if err := builder.Append(Record{Timestamp: 1_700_000_000_000 + int64(i)/100, Value: text(i, valueSize)}); err != nil {
			b.Fatal(err)
		}
	}
	batch, err := builder.Build()
	if err != nil {
		b.Fatal(err)
	}
	return batch, c
}

// text gives n bytes that compress about as well as JSON.
func text(i, n int) []byte {
	b := make([]byte, 0, n+64)
	for len(b) < n {
		b = fmt.Appendf(b, `{"order":%d,"customer":"C%05d","sku":"%x"},`, i, i*7919%100000, uint32(i+len(b))*2654435761)
	}
	return b[:n]
}

func reportPerRecord(b *testing.B, batch Batch) {
	b.SetBytes(int64(len(batch)))
	b.ReportMetric(float64(b.Elapsed())/float64(time.Nanosecond)/float64(b.N)/float64(batch.Count()), "ns/record")
}

func BenchmarkValidate(b *testing.B) {
	for _, size := range []int{100, 1024} {
		for codec := None; codec <= Zstd; codec++ {
			b.Run(fmt.Sprintf("value=%d/%v", size, codec), func(b *testing.B) {
				batch, c := benchBatch(b, codec, size)
				rules := Rules{Now: 1_700_000_000_000, Before: 1<<63 - 1, After: 3600_000}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Validate(batch, rules); err != nil {
						b.Fatal(err)
					}
				}
				reportPerRecord(b, batch)
			})
		}
	}
}

func BenchmarkWalkHeaders(b *testing.B) {
	c := new(Codecs)
	builder := c.NewBuilder(Head{})
	for i := 0; builder.Size() < benchBytes; i++ {
		h := Headers{}.Append("ce_id", text(i, 16)).Append("ce_type", []byte("OrderPlaced")).Append("ce_source", []byte("/shop"))
		if err := builder.Append(Record{Timestamp: 1, Key: text(i, 8), Value: text(i, 100), Headers: h}); err != nil {
			b.Fatal(err)
		}
	}
	batch, _ := builder.Build()
	for b.Loop() {
		if _, err := c.Validate(batch, Rules{Now: 1}); err != nil {
			b.Fatal(err)
		}
	}
	reportPerRecord(b, batch)
}

func BenchmarkCheck(b *testing.B) {
	for _, size := range []int{100, 1024} {
		b.Run(fmt.Sprintf("value=%d", size), func(b *testing.B) {
			batch, _ := benchBatch(b, None, size)
			for b.Loop() {
				if err := batch.Check(); err != nil {
					b.Fatal(err)
				}
			}
			reportPerRecord(b, batch)
		})
	}
}

func BenchmarkRecords(b *testing.B) {
	batch, c := benchBatch(b, None, 100)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range c.Records(batch) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	reportPerRecord(b, batch)
}

func BenchmarkRebuild(b *testing.B) {
	for _, codec := range []Codec{None, LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			batch, c := benchBatch(b, codec, 100)
			r := c.NewRebuilder()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Rebuild(batch, 0, func(r *Record) bool { return r.Offset%2 == 0 }); err != nil {
					b.Fatal(err)
				}
			}
			reportPerRecord(b, batch)
		})
	}
}

func BenchmarkBuilder(b *testing.B) {
	c := new(Codecs)
	builder := c.NewBuilder(Head{})
	value := text(1, 100)
	n := 0
	for b.Loop() {
		builder.Reset(Head{})
		for n = 0; n < 1000; n++ {
			if err := builder.Append(Record{Timestamp: 1, Value: value}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/1000, "ns/record")
}
