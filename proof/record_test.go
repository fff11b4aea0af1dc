package proof

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
)

func TestCanonicalFormIsTheFormatPages(t *testing.T) {
	r := Record{
		Kind: Data, Transactional: true, Timestamp: 0x0102, ProducerID: 3, ProducerEpoch: 4,
		Key: []byte("k"), Headers: []Header{{"h", []byte{}}},
	}
	want := "01" + "02" + "0000000000000102" + "0000000000000003" + "0004" +
		"00000001" + "6b" + // key
		"ffffffff" + // value: null
		"00000001" + "00000001" + "68" + "00000000" // a header with an empty value
	if got := hex.EncodeToString(r.AppendCanonical(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	lost := LostRecord(Expired)
	if got := hex.EncodeToString(lost.AppendCanonical(nil)); got != "0302"+"ffffffffffffffff"+"ffffffffffffffff"+"ffff" {
		t.Errorf("lost: %s", got)
	}
}

func TestEntryIsTheFormatPages(t *testing.T) {
	e := Entry{Offset: 1042, Timestamp: -1, Commitment: Hash{0xaa}}
	b := e.Append(nil)
	want := "01" + "0000000000000412" + "ffffffffffffffff" + "aa" + hex.EncodeToString(make([]byte, 31))
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if back, err := ParseEntry(b); err != nil || back != e {
		t.Errorf("read back: %+v, %v", back, err)
	}
}

func TestEntriesOfAnotherVersionOrSizeAreRefused(t *testing.T) {
	e := Entry{Offset: 1}
	good := e.Append(nil)
	future := bytes.Clone(good)
	future[0] = 2
	negative := bytes.Clone(good)
	negative[1] = 0x80
	for name, b := range map[string][]byte{"future version": future, "short": good[:48], "long": append(good, 0), "negative offset": negative} {
		if _, err := ParseEntry(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNullAndEmptyDiffer(t *testing.T) {
	null, empty := order(1), order(1)
	null.Value, empty.Value = nil, []byte{}
	if bytes.Equal(null.AppendCanonical(nil), empty.AppendCanonical(nil)) {
		t.Error("null and empty values have one form")
	}
}

// Invariants: nothing panics; what is read is written the same; what is written
// is read the same.
func FuzzParseRecord(f *testing.F) {
	for _, r := range []Record{order(1), LostRecord(Removed), {Kind: Control, Transactional: true, Key: []byte{0, 0, 0, 1}}, {Kind: Data}} {
		f.Add(r.AppendCanonical(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil {
			return
		}
		again := r.AppendCanonical(nil)
		if !bytes.Equal(again, b) {
			t.Fatalf("%x was read as %+v, which is written %x", b, r, again)
		}
		back, err := ParseRecord(again)
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("read %+v, then %+v, %v", r, back, err)
		}
	})
}
