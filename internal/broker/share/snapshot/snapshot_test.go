package snapshot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/broker/share/window"
)

var (
	exampleKey = Key{Group: "g", Topic: [16]byte{0: 1, 15: 2}, Partition: 3}
	example    = Snapshot{
		Epoch: 7, StateEpoch: 2, LeaderEpoch: 1, Start: 100, Completed: 5, Created: 1000, Written: 2000,
		Batches: []window.Batch{{First: 101, Last: 105, State: window.Acknowledged}, {First: 106, Last: 106, State: window.Available, Deliveries: 2}},
	}
)

func TestRecordsHaveKafkasForm(t *testing.T) {
	key := "0000" + "0001" + hex.EncodeToString([]byte("g")) + "01" + strings.Repeat("00", 14) + "02" + "00000003"
	if got := hex.EncodeToString(exampleKey.AppendTo(nil)); got != key {
		t.Errorf("key is %s, want %s", got, key)
	}
	value := "0000" + "00000007" + "00000002" + "00000001" + "0000000000000064" + "00000000000003e8" + "00000000000007d0" +
		"03" + "0000000000000065" + "0000000000000069" + "02" + "0000" + "00" +
		"000000000000006a" + "000000000000006a" + "00" + "0002" + "00" +
		"01" + "00" + "04" + "00000005"
	if got := hex.EncodeToString(example.AppendTo(nil)); got != value {
		t.Errorf("value is\n%s, want\n%s", got, value)
	}
	if got, want := exampleKey.String(), "g:AQAAAAAAAAAAAAAAAAAAAg:3"; got != want {
		t.Errorf("key is hashed as %q, want %q", got, want)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	k, err := ReadKey(exampleKey.AppendTo(nil))
	if err != nil || k != exampleKey {
		t.Errorf("key: %+v, %v", k, err)
	}
	s, err := Read(example.AppendTo(nil))
	if err != nil || !reflect.DeepEqual(s, example) {
		t.Errorf("value: %+v, %v", s, err)
	}
}

func TestFutureAndForeignRecordsAreRefused(t *testing.T) {
	key, value := exampleKey.AppendTo(nil), example.AppendTo(nil)
	for want, src := range map[string][]byte{
		"a delta":         append([]byte{0, 1}, key[2:]...),
		"key of kind 2":   append([]byte{0, 2}, key[2:]...),
		"key of 24 bytes": key[:len(key)-1],
		"1 bytes follow":  append(bytes.Clone(key), 0),
	} {
		if _, err := ReadKey(src); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	for want, src := range map[string][]byte{
		"version 1":         append([]byte{0, 1}, value[2:]...),
		"value of 85 bytes": value[:len(value)-1],
	} {
		if _, err := Read(src); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// FuzzRead: whatever is read is read the same when written again, and a
// window made of it can be stored.
func FuzzRead(f *testing.F) {
	f.Add(example.AppendTo(nil))
	f.Add((&Snapshot{Start: math.MaxInt64}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := Read(src)
		if err != nil {
			return
		}
		again, err := Read(s.AppendTo(nil))
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%+v was read again as %+v, %v", s, again, err)
		}
		if w, err := window.Restore(s.Start, s.Batches); err == nil {
			if _, err := window.Restore(w.Start(), w.Batches()); err != nil {
				t.Fatalf("%+v: %v", s, err)
			}
		}
	})
}

// FuzzReadKey: whatever is read as a key is that key.
func FuzzReadKey(f *testing.F) {
	f.Add(exampleKey.AppendTo(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		if k, err := ReadKey(src); err == nil && !bytes.Equal(k.AppendTo(nil), src) {
			t.Fatalf("%x was read as %+v", src, k)
		}
	})
}
