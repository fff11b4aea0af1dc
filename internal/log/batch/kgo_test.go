package batch

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The tests here hold the codec against franz-go's, which is written
// independently of it.

var kgoCodecs = map[Codec]kgo.CompressionCodec{
	None: kgo.NoCompression(), Gzip: kgo.GzipCompression(), Snappy: kgo.SnappyCompression(),
	LZ4: kgo.Lz4Compression(), Zstd: kgo.ZstdCompression(),
}

// kgoBatch encodes records with kmsg and compresses them with kgo.
func kgoBatch(t testing.TB, codec Codec, records []Record) Batch {
	t.Helper()
	var plain []byte
	for i, r := range records {
		k := kmsg.Record{TimestampDelta64: r.Timestamp - records[0].Timestamp, OffsetDelta: int32(i), Key: r.Key, Value: r.Value}
		for key, value := range r.Headers.All() {
			k.Headers = append(k.Headers, kmsg.Header{Key: string(key), Value: value})
		}
		k.Length = int32(len(k.AppendTo(nil)) - 1) // its own length, 0 here, takes a byte
		plain = k.AppendTo(plain)
	}
	compressor, err := kgo.DefaultCompressor(kgoCodecs[codec])
	if err != nil {
		t.Fatal(err)
	}
	used := kgo.CodecNone
	if compressor != nil {
		plain, used = compressor.Compress(new(bytes.Buffer), plain)
	}
	k := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: int16(used), LastOffsetDelta: int32(len(records) - 1),
		FirstTimestamp: records[0].Timestamp, MaxTimestamp: latest(records),
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(records)), Records: plain,
	}
	b := Batch(k.AppendTo(nil))
	setLength(b, int32(len(b)-PrefixSize))
	b.seal()
	return b
}

func TestWhatFranzGoWritesIsRead(t *testing.T) {
	c := new(Codecs)
	want := samples()
	for _, codec := range codecs {
		b := kgoBatch(t, codec, want)
		if got := b.Attributes().Codec(); got != codec {
			t.Fatalf("compressed with %v, want %v", got, codec)
		}
		before := bytes.Clone(b)
		if _, err := c.Validate(b, lenient()); err != nil {
			t.Fatalf("%v: %v", codec, err)
		}
		if !bytes.Equal(b, before) {
			t.Fatalf("%v: corrected, though nothing was wrong", codec)
		}
		sameRecords(t, collect(t, c, b), want)
	}
	if ours := build(t, produced(None), want...); !bytes.Equal(ours, kgoBatch(t, None, want)) {
		t.Fatal("uncompressed batches differ")
	}
}

func TestWhatIsBuiltIsReadByFranzGo(t *testing.T) {
	want := samples()
	for _, codec := range codecs {
		var k kmsg.RecordBatch
		if err := k.ReadFrom(build(t, produced(codec), want...)); err != nil {
			t.Fatalf("%v: %v", codec, err)
		}
		plain, err := kgo.DefaultDecompressor().Decompress(k.Records, kgo.CompressionCodecType(codec))
		if err != nil {
			t.Fatalf("%v: %v", codec, err)
		}
		sameRecords(t, kmsgRecords(t, &k, plain), want)
	}
}

// kmsgRecords decodes uncompressed records with kmsg.
func kmsgRecords(t testing.TB, batch *kmsg.RecordBatch, b []byte) (out []Record) {
	t.Helper()
	for range batch.NumRecords {
		n, used := binary.Varint(b)
		var k kmsg.Record
		if err := k.ReadFrom(b[:used+int(n)]); err != nil {
			t.Fatal(err)
		}
		b = b[used+int(n):]
		r := Record{
			Offset:    batch.FirstOffset + int64(k.OffsetDelta),
			Timestamp: batch.FirstTimestamp + k.TimestampDelta64,
			Key:       k.Key,
			Value:     k.Value,
		}
		for _, h := range k.Headers {
			r.Headers = r.Headers.Append(h.Key, h.Value)
		}
		out = append(out, r)
	}
	if len(b) > 0 {
		t.Fatalf("%d bytes are left", len(b))
	}
	return out
}
