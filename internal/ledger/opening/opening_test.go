package opening

import (
	"bytes"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
)

func zstd(t *testing.T, codecs *batch.Codecs, value []byte) batch.Batch {
	t.Helper()
	b := codecs.NewBuilder(batch.Head{Codec: batch.Zstd})
	if err := b.Append(batch.Record{Value: value}); err != nil {
		t.Fatal(err)
	}
	built, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// Decompressed bytes lie in memory that the next reader gets.
func TestAnOpenedRecordIsItsOwn(t *testing.T) {
	p := &partition{Reader: &Reader{}}
	want := bytes.Repeat([]byte("order "), 100)
	one := zstd(t, &p.codecs, want)
	two := zstd(t, &p.codecs, bytes.Repeat([]byte("other "), 100))
	opened, err := p.recordIn(one, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := p.recordIn(two, 0); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(opened.Record.Value, want) {
		t.Errorf("the record became %.20q", opened.Record.Value)
	}
}
