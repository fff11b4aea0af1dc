package group

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log/batch"
)

// packed returns records as batches.
func packed(t testing.TB, records ...record) []byte {
	t.Helper()
	var c batch.Codecs
	var raw []byte
	err := packing{limit: packBytes}.pack(c.NewBuilder(batch.Head{}), records, 1, func(b batch.Batch) { raw = append(raw, b...) })
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func replayed(t testing.TB, raw []byte) *replay {
	t.Helper()
	r := newReplay()
	if err := readBatches(new(batch.Codecs), raw, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestADamagedBatchIsNotBelieved(t *testing.T) {
	raw := packed(t, offsetRecord("g", topicPartition{"orders", 7}, committed{offset: 5, expires: -1}))
	for i := range raw {
		if i < 8 || 12 <= i && i < 16 {
			continue // base offset and leader epoch, which no CRC covers
		}
		damaged := slices.Clone(raw)
		damaged[i] ^= 1
		if err := readBatches(new(batch.Codecs), damaged, newReplay()); err == nil {
			t.Errorf("byte %d of %d may be anything", i, len(raw))
		}
	}
}

func TestOffsetsReadBackAsWritten(t *testing.T) {
	tp := topicPartition{"orders", 7}
	for name, c := range map[string]committed{
		"with topic id": {5, 2, "m", 100, -1, [16]byte{1}, 0},
		"without":       {5, 2, "", 100, -1, [16]byte{}, 0},
		"with expiry":   {5, -1, "m", 100, 900, [16]byte{}, 0},
	} {
		r := replayed(t, packed(t, offsetRecord("g", tp, c)))
		if got, ok := r.offsets["g"].get(tp); !ok || got != c {
			t.Errorf("%s: %+v, want %+v", name, got, c)
		}
	}
}

// Values of all versions that Kafka has ever written.
func TestOldValuesAreRead(t *testing.T) {
	tp := topicPartition{"orders", 7}
	for version := range int16(5) {
		v := kmsg.NewOffsetCommitValue()
		v.Version, v.Offset, v.Metadata, v.CommitTimestamp = version, 5, "m", 100
		v.LeaderEpoch, v.ExpireTimestamp = 9, 900
		k := kmsg.NewOffsetCommitKey()
		k.Version, k.Group, k.Topic, k.Partition = min(version, 1), "g", tp.topic, tp.partition
		want := committed{offset: 5, leaderEpoch: -1, metadata: "m", at: 100, expires: -1}
		if version == 1 {
			want.expires = 900
		}
		if version >= 3 {
			want.leaderEpoch = 9
		}
		r := replayed(t, packed(t, record{k.AppendTo(nil), v.AppendTo(nil)}))
		if got, _ := r.offsets["g"].get(tp); got != want {
			t.Errorf("version %d: %+v, want %+v", version, got, want)
		}
	}
	for version := range int16(5) {
		v := kmsg.NewGroupMetadataValue()
		v.Version, v.ProtocolType, v.Generation = version, "consumer", 3
		v.Members = []kmsg.GroupMetadataValueMember{{MemberID: "m", SessionTimeoutMillis: 1, Subscription: []byte("s"), Assignment: []byte("a")}}
		r := replayed(t, packed(t, groupRecord("g", &v)))
		if got := r.metadata["g"]; got == nil || got.Generation != 3 || string(got.Members[0].Assignment) != "a" {
			t.Errorf("version %d: %+v", version, got)
		}
	}
}

func TestTombstonesRemove(t *testing.T) {
	tp := topicPartition{"orders", 7}
	v := kmsg.NewGroupMetadataValue()
	v.Version = 3
	raw := packed(t,
		offsetRecord("g", tp, committed{}), groupRecord("g", &v),
		record{key: groupKey("g")}, record{key: offsetKey("g", tp)},
		record{key: offsetKey("never", tp)}, record{key: groupKey("never")},
	)
	if ids := slices.Collect(maps.Keys(replayed(t, raw).ids())); len(ids) != 0 {
		t.Errorf("left: %v", ids)
	}
}

func TestRecordsOfOtherKindsArePassedOver(t *testing.T) {
	streamsGroupMetadata := record{[]byte{0, 17, 0, 1, 'g'}, []byte{0, 0, 0, 0, 0, 1, 0}}
	r := replayed(t, packed(t, streamsGroupMetadata))
	if len(r.ids()) != 0 {
		t.Errorf("read: %+v", r)
	}
}

func TestUnreadableRecordsAreErrors(t *testing.T) {
	tp := topicPartition{"orders", 7}
	for name, c := range map[string]struct {
		rec  record
		want error
	}{
		"short key":       {record{key: []byte{0}}, nil},
		"cut offset key":  {record{key: offsetKey("g", tp)[:5]}, nil},
		"cut group key":   {record{key: groupKey("g")[:3]}, nil},
		"offset version":  {record{offsetKey("g", tp), []byte{0, 5, 0}}, statetopic.ErrVersion},
		"group version":   {record{groupKey("g"), []byte{0, 5, 0}}, statetopic.ErrVersion},
		"negative":        {record{groupKey("g"), []byte{255, 255}}, statetopic.ErrVersion},
		"cut offset":      {record{offsetKey("g", tp), []byte{0, 3, 0}}, nil},
		"cut group":       {record{groupKey("g"), []byte{0, 3, 0}}, nil},
		"empty metadata":  {record{groupKey("g"), []byte{}}, nil},
		"no key, a value": {record{nil, []byte("v")}, nil},
	} {
		err := readBatches(new(batch.Codecs), packed(t, c.rec), newReplay())
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := readBatches(new(batch.Codecs), packed(t, record{key: groupKey("g")})[:70], newReplay()); !errors.Is(err, batch.ErrShort) {
		t.Errorf("cut batch: %v", err)
	}
}

func TestLargeWritesAreSplit(t *testing.T) {
	const n = 20_000
	tps := make([]topicPartition, n)
	for i := range tps {
		tps[i] = topicPartition{"a-topic-with-a-rather-long-name", int32(i)}
	}
	var c batch.Codecs
	batches, records := 0, 0
	err := packing{limit: packBytes}.pack(c.NewBuilder(batch.Head{}), tombstones("g", tps), 1, func(b batch.Batch) {
		batches++
		records += int(b.Count())
		if len(b) > packBytes {
			t.Errorf("a batch of %d bytes", len(b))
		}
	})
	if err != nil || batches < 2 || records != n {
		t.Errorf("%d batches, %d records, %v", batches, records, err)
	}
}

func TestControlBatchesArePassedOver(t *testing.T) {
	var c batch.Codecs
	b := c.NewBuilder(batch.Head{Control: true, Transactional: true})
	if err := b.Append(batch.Record{Key: []byte{0, 0, 0, 1}, Value: []byte("a marker")}); err != nil {
		t.Fatal(err)
	}
	marker, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if r := replayed(t, marker); len(r.ids()) != 0 {
		t.Errorf("read: %+v", r)
	}
}

// alone is a place outside of transactions.
var alone = place{producerID: batch.NoProducerID}

// FuzzReadRecord: whatever the bytes, a record is read or refused, and what
// was read as an offset is read the same again once written.
func FuzzReadRecord(f *testing.F) {
	tp := topicPartition{"orders", 7}
	v := kmsg.NewGroupMetadataValue()
	v.Version = 3
	for _, r := range []record{
		offsetRecord("g", tp, committed{topicID: [16]byte{1}, expires: -1}),
		offsetRecord("g", tp, committed{expires: 5}),
		groupRecord("g", &v), {key: groupKey("g")},
	} {
		f.Add(r.key, r.value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		first := newReplay()
		if readRecord(batch.Record{Key: key, Value: value}, alone, first) != nil {
			return
		}
		for g, offsets := range first.offsets {
			for _, tp := range offsets.filter(func(topicPartition, committed) bool { return true }) {
				again := newReplay()
				r := offsetRecord(g, tp, offsets[tp.topic][tp.partition])
				if err := readRecord(batch.Record{Key: r.key, Value: r.value}, alone, again); err != nil {
					t.Fatal(err)
				}
				want := offsets[tp.topic][tp.partition]
				if want.expires >= 0 { // such a value has no room for these
					want.leaderEpoch, want.topicID = -1, [16]byte{}
				}
				if got := again.offsets[g][tp.topic][tp.partition]; !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v, want %+v", got, want)
				}
			}
		}
	})
}
