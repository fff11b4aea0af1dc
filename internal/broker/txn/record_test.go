package txn

import (
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

var sample = &transaction.Value{
	State: transaction.PrepareCommit, Producer: transaction.Producer{ID: 7, Epoch: 32767}, LastEpoch: -1,
	PreviousID: 7, NextID: 8, Timeout: 60_000,
	Partitions: transaction.NewPartitions(a0, a1, b0), Started: 1000, Updated: 2000, Version: transaction.V2,
}

func TestRecordBytes(t *testing.T) {
	for _, tc := range []struct{ name, got, want string }{
		{"key", hex.EncodeToString(recordKey("id")), "0000" + "00026964"},
		{"value", hex.EncodeToString(recordValue(sample)), "0001" + // version
			"0000000000000007" + "7fff" + // producer
			"0000ea60" + "02" + // timeout, state
			"03" + "0261" + "03" + "00000000" + "00000001" + "00" + "0262" + "02" + "00000000" + "00" + // a-0, a-1, b-0
			"00000000000007d0" + "00000000000003e8" + // updated, started
			"03" + // three tags
			"0008" + "0000000000000007" + // 0: previous producer id
			"0108" + "0000000000000008" + // 1: next producer id
			"0202" + "0002"}, // 2: client's transaction version
		{"value of an empty one", hex.EncodeToString(recordValue(transaction.New(7, 2000))), "0001" +
			"0000000000000007" + "ffff" + "00000000" + "00" + "00" + "00000000000007d0" + "ffffffffffffffff" + "00"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is %s, want %s", tc.name, tc.got, tc.want)
		}
	}
}

func TestRecordsComeBack(t *testing.T) {
	if id, ok, err := readKey(recordKey("transfers")); id != "transfers" || !ok || err != nil {
		t.Errorf("key: %q, %v, %v", id, ok, err)
	}
	if got, err := readValue(recordValue(sample)); err != nil || !reflect.DeepEqual(got, sample) {
		t.Errorf("value: %+v, %v", got, err)
	}
}

// Value version 0 is what Kafka 0.11 to 3.4 wrote.
func TestOldRecordIsRead(t *testing.T) {
	raw, _ := hex.DecodeString("0000" + "0000000000000007" + "0003" + "0000ea60" + "01" +
		"00000001" + "000161" + "00000001" + "00000000" + "00000000000007d0" + "00000000000003e8")
	v, err := readValue(raw)
	if err != nil || v.State != transaction.Ongoing || v.Producer.Epoch != 3 || v.PreviousID != -1 || v.NextID != -1 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestRecordsOfTheFuture(t *testing.T) {
	if _, ok, err := readKey([]byte{0, 9, 1, 2, 3}); ok || err != nil {
		t.Errorf("a key of another kind: %v, %v", ok, err)
	}
	raw := recordValue(sample)
	raw[1] = valueVersion + 1
	if _, err := readValue(raw); !errors.Is(err, statetopic.ErrVersion) {
		t.Errorf("a value of a later version: %v", err)
	}
	raw = recordValue(sample)
	raw[16] = 9
	if _, err := readValue(raw); err == nil {
		t.Error("a state that does not exist")
	}
}

// A value that can be read can be written and read again to the same.
func FuzzReadValue(f *testing.F) {
	f.Add(recordValue(sample))
	f.Add(recordValue(transaction.New(7, 2000)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := readValue(raw)
		if err != nil {
			return
		}
		again, err := readValue(recordValue(v))
		if v.State == transaction.Empty {
			v.Partitions = transaction.NewPartitions()
		}
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Errorf("%+v became %+v, %v", v, again, err)
		}
	})
}

func FuzzReadKey(f *testing.F) {
	f.Add(recordKey("id"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, ok, err := readKey(raw)
		if !ok || err != nil {
			return
		}
		if again, _, _ := readKey(recordKey(id)); again != id {
			t.Errorf("%q became %q", id, again)
		}
	})
}
