package state

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestChangesReadBack(t *testing.T) {
	key := appendKey(nil, "orders", []byte("k\x00"))
	store, k, err := ParseKey(key)
	if err != nil || store != "orders" || string(k) != "k\x00" {
		t.Errorf("%x is %q, %q, %v", key, store, k, err)
	}
	for _, until := range []int64{never, 1, start.UnixMilli(), math.MaxInt64} {
		b := appendValue(nil, []byte("v"), until)
		v, u, err := parseValue(b)
		if err != nil || string(v) != "v" || u != until {
			t.Errorf("%x is %q until %d, %v; want until %d", b, v, u, err, until)
		}
	}
}

func TestChangesOfLaterVersionsAreRefused(t *testing.T) {
	for _, c := range []Change{
		{Key: []byte{128, 'x'}}, {Key: []byte{255}},
		{Key: []byte("\x01ak"), Value: []byte{3, 0}}, {Key: []byte("\x01ak"), Value: []byte{255}},
	} {
		if _, err := c.parse(); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "run the") {
			t.Errorf("%x %x is %v", c.Key, c.Value, err)
		}
	}
}

func TestMalformedChangesAreRefusedWhole(t *testing.T) {
	db := openDB(t, memFS())
	task := attached(t, db, 0)
	good := Change{appendKey(nil, "a", []byte("k")), appendValue(nil, nil, never)}
	for _, bad := range []Change{
		{}, {Key: []byte{0}}, {Key: []byte{5, 'a'}}, {Key: good.Key, Value: []byte{}}, {Key: good.Key, Value: []byte{0}},
		{Key: good.Key, Value: []byte{2, 0, 0, 0, 0, 0, 0, 0}},
		{Key: good.Key, Value: make([]byte, 9)}, {Key: good.Key, Value: append([]byte{2}, make([]byte, 8)...)},
		{Key: good.Key, Value: append([]byte{2}, bytes.Repeat([]byte{255}, 8)...)},
	} {
		if err := task.Apply([]Change{good, bad}, 2, start, start); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x %x was applied with %v", bad.Key, bad.Value, err)
		}
		r := task.Restore()
		if err := r.Add([]Change{good, bad}, 2, start); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x %x was restored with %v", bad.Key, bad.Value, err)
		}
		r.Discard()
	}
	if m, err := contents(task, "a", start); err != nil || len(m) > 0 || task.Position().Next != 0 {
		t.Errorf("%v was applied, up to %d, %v", m, task.Position().Next, err)
	}
}

// Whatever a changelog has: it is refused with one of two errors, or what is read makes
// the same bytes again.
func FuzzChange(f *testing.F) {
	f.Add([]byte("\x01ak"), []byte("\x01v"))
	f.Add([]byte("\x01ak"), []byte("\x02\x00\x00\x00\x00\x00\x00\x00\x01v"))
	f.Add([]byte("\x80"), []byte("\x03"))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if _, err := (Change{key, value}).parse(); err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		store, k, err := ParseKey(key)
		if again := appendKey(nil, store, k); err != nil || !bytes.Equal(again, key) {
			t.Fatalf("%x became %x, %v", key, again, err)
		}
		if value == nil {
			return
		}
		v, until, err := parseValue(value)
		if again := appendValue(nil, v, until); err != nil || !bytes.Equal(again, value) {
			t.Fatalf("%x became %x, %v", value, again, err)
		}
	})
}

func FuzzPosition(f *testing.F) {
	f.Add(Position{Changelog: topic, Next: 7, At: start}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePosition(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if again := p.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add(formatLine(1))
	f.Add(formatLine(2000000))
	f.Add("evident processor state 1 00000000\n")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := parseFormat(s)
		if err == nil && !strings.HasPrefix(s, formatLine(v)) && s != strings.TrimSuffix(formatLine(v), "\n") {
			t.Fatalf("%q is version %d", s, v)
		}
	})
}
