package batch

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

// golden is a batch written down by hand from the format's description. Only
// its CRC was computed, by another program.
var golden = strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(`
	00000000 0000002a   0000004b   00000007   02   47ed3dd0
	0010   00000001   0000018bcfe56800   0000018bcfe56805
	0000000000000009   0003   7ffffffe   00000002
	1c   00   00   00   02 6b   06 6f6e65   02   04 6964   01
	14   00   0a   02   01   08 74776f21   00
`)

func goldenBatch(t *testing.T) Batch {
	b, err := hex.DecodeString(golden)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goldenHead() (Head, []Record) {
	return Head{BaseOffset: 42, LeaderEpoch: 7, Transactional: true, Producer: &Producer{9, 3, math.MaxInt32 - 1}},
		[]Record{
			{Offset: 42, Timestamp: now, Key: []byte("k"), Value: []byte("one"), Headers: Headers{}.Append("id", nil)},
			{Offset: 43, Timestamp: now + 5, Value: []byte("two!")},
		}
}

func TestBuilderWritesGoldenBytes(t *testing.T) {
	h, records := goldenHead()
	if got := build(t, h, records...); !bytes.Equal(got, goldenBatch(t)) {
		t.Fatalf("built\n%x, want\n%s", got, golden)
	}
}

func TestGoldenBytesAreRead(t *testing.T) {
	b := goldenBatch(t)
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	_, want := goldenHead()
	sameRecords(t, collect(t, new(Codecs), b), want)
	for _, f := range []struct {
		name      string
		got, want int64
	}{
		{"BaseOffset", b.BaseOffset(), 42},
		{"LastOffset", b.LastOffset(), 43},
		{"NextOffset", b.NextOffset(), 44},
		{"Length", b.Length(), int64(len(b))},
		{"LeaderEpoch", int64(b.LeaderEpoch()), 7},
		{"Magic", int64(b.Magic()), 2},
		{"Attributes", int64(b.Attributes()), 0x10},
		{"LastOffsetDelta", int64(b.LastOffsetDelta()), 1},
		{"BaseTimestamp", b.BaseTimestamp(), now},
		{"MaxTimestamp", b.MaxTimestamp(), now + 5},
		{"ProducerID", b.ProducerID(), 9},
		{"ProducerEpoch", int64(b.ProducerEpoch()), 3},
		{"BaseSequence", int64(b.BaseSequence()), math.MaxInt32 - 1},
		{"LastSequence", int64(b.LastSequence()), math.MaxInt32},
		{"Count", int64(b.Count()), 2},
	} {
		if f.got != f.want {
			t.Errorf("%s is %d, want %d", f.name, f.got, f.want)
		}
	}
}

func TestAttributesAreTheirBits(t *testing.T) {
	for bit, has := range map[int]func(Attributes) bool{
		3: Attributes.LogAppendTime, 4: Attributes.Transactional, 5: Attributes.Control, 6: Attributes.DeleteHorizon,
	} {
		if a := Attributes(1) << bit; !has(a) || has(^a) {
			t.Errorf("bit %d is not the flag", bit)
		}
	}
	for codec, name := range []string{"none", "gzip", "snappy", "lz4", "zstd", "codec 5"} {
		if c := (Attributes(0xfff8) | Attributes(codec)).Codec(); c.String() != name || c.Known() != (codec < 5) {
			t.Errorf("codec %d is %v", codec, c)
		}
	}
}

func TestSequenceWrapsToZero(t *testing.T) {
	records := samples()[:4]
	for base, want := range map[int32]int32{0: 3, math.MaxInt32 - 3: math.MaxInt32, math.MaxInt32 - 2: 0, math.MaxInt32: 2} {
		b := build(t, Head{Producer: &Producer{1, 0, base}}, records...)
		if got := b.LastSequence(); got != want {
			t.Errorf("4 records from sequence %d end at %d, want %d", base, got, want)
		}
	}
	if got := build(t, Head{}, records...).LastSequence(); got != NoSequence {
		t.Errorf("without a producer the last sequence is %d", got)
	}
}

func TestOffsetAndEpochLieOutsideTheCRC(t *testing.T) {
	b := build(t, Head{}, samples()...)
	b.SetBaseOffset(1 << 40)
	b.SetLeaderEpoch(77)
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	if b.BaseOffset() != 1<<40 || b.LeaderEpoch() != 77 {
		t.Fatalf("base offset %d, epoch %d", b.BaseOffset(), b.LeaderEpoch())
	}
}

func TestStampGivesEveryRecordTheAppendTime(t *testing.T) {
	b := build(t, Head{}, samples()...)
	b.StampAppendTime(12345)
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	if !b.Attributes().LogAppendTime() || b.MaxTimestamp() != 12345 {
		t.Fatalf("attributes %#x, max timestamp %d", b.Attributes(), b.MaxTimestamp())
	}
	for _, r := range collect(t, new(Codecs), b) {
		if r.Timestamp != 12345 {
			t.Fatalf("record %d has timestamp %d", r.Offset, r.Timestamp)
		}
	}
}

func TestDeleteHorizonIsTheBaseTimestamp(t *testing.T) {
	records := samples()
	b := build(t, Head{DeleteHorizon: now + 99}, records...)
	if ms, ok := b.DeleteHorizon(); !ok || ms != now+99 {
		t.Fatalf("horizon is %d, %v", ms, ok)
	}
	sameRecords(t, collect(t, new(Codecs), b), records)
	if _, ok := build(t, Head{}, records...).DeleteHorizon(); ok {
		t.Fatal("a horizon that nobody set")
	}
}
