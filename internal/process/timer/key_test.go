package timer

import (
	"bytes"
	"cmp"
	"errors"
	"strings"
	"testing"
	"time"
)

func dueOf(t Timer) string {
	at, err := t.millis()
	if err != nil {
		panic(err)
	}
	return string(appendIdentity(appendMillis(nil, at), t.Key, t.Name))
}

// What is read from any bytes is either an error, or a timer that gives the same bytes.
func FuzzADueIsReadAsItWasWritten(f *testing.F) {
	f.Add([]byte(dueOf(wall("key", "name", noon))))
	f.Add([]byte(dueOf(wall("\x00\xff\x00", "\x00\x01", time.UnixMilli(-1)))))
	f.Add([]byte("too short"))
	f.Add([]byte("12345678\x00\x02"))
	f.Fuzz(func(t *testing.T, due []byte) {
		timer, err := parseDue(WallClock, string(due))
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v is not %v", err, ErrCorrupt)
			}
			return
		}
		again := appendIdentity(appendMillis(nil, timer.At.UnixMilli()), timer.Key, timer.Name)
		if !bytes.Equal(again, due) {
			t.Errorf("%x is written as %x", due, again)
		}
	})
}

// Bytes are in the order of time, key and name, and no two timers have the same.
func FuzzDuesAreInOrder(f *testing.F) {
	f.Add(int64(0), []byte("a"), "x", int64(0), []byte("a\x00"), "")
	f.Add(int64(-1), []byte{}, "", int64(1), []byte{0xff}, "")
	f.Add(int64(5), []byte("a\x00\x01"), "b", int64(5), []byte("a"), "\x00\x01b")
	f.Fuzz(func(t *testing.T, at1 int64, key1 []byte, name1 string, at2 int64, key2 []byte, name2 string) {
		due1 := string(appendIdentity(appendMillis(nil, at1), key1, name1))
		due2 := string(appendIdentity(appendMillis(nil, at2), key2, name2))
		want := cmp.Or(cmp.Compare(at1, at2), bytes.Compare(key1, key2), strings.Compare(name1, name2))
		if got := strings.Compare(due1, due2); got != want {
			t.Errorf("%x and %x compare as %d, want %d", due1, due2, got, want)
		}
	})
}

// What is read from any value is either an error, or gives the same bytes.
func FuzzAValueIsReadAsItWasWritten(f *testing.F) {
	f.Add(appendMillis([]byte{version}, noon.UnixMilli()))
	f.Add([]byte{})
	f.Add([]byte{version + 1, 7})
	f.Fuzz(func(t *testing.T, value []byte) {
		at, err := parseValue(value)
		switch {
		case err == nil && !bytes.Equal(value, appendMillis([]byte{version}, at)):
			t.Errorf("%x is read as %d", value, at)
		case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion):
			t.Errorf("%v is neither %v nor %v", err, ErrCorrupt, ErrVersion)
		}
	})
}

func TestEntriesThatCannotBeReadAreAnErrorAndNotNothing(t *testing.T) {
	due := string([]byte{keyDue, byte(WallClock)}) + dueOf(wall("k", "", noon))
	for name, tc := range map[string]struct {
		key, value string
		want       error
	}{
		"a due of a later version":          {due, "\x02", ErrVersion},
		"a due without version":             {due, "", ErrCorrupt},
		"a due without time":                {due[:6], "\x01", ErrCorrupt},
		"a due without end of its key":      {due[:len(due)-1], "\x01", ErrCorrupt},
		"event time of a later version":     {string(rune(keyEvent)), "\x02", ErrVersion},
		"event time that is cut off":        {string(rune(keyEvent)), "\x01\x00", ErrCorrupt},
		"event time that is nothing at all": {string(rune(keyEvent)), "", ErrCorrupt},
	} {
		s := newMemory()
		s.now[tc.key] = tc.value
		if _, err := Open(s, Config{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	s := newMemory()
	s.now[due], s.now[due[:2]+dueOf(wall("k", "", noon.Add(time.Hour)))] = "\x01", "\x01"
	if _, err := Open(s, Config{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a timer that is due twice: %v, want %v", err, ErrCorrupt)
	}
	s = newMemory()
	q := open(t, s, Config{})
	s.now[string([]byte{keyIdentity, byte(WallClock)})+dueOf(wall("k", "", noon))[8:]] = "\x02"
	if err := q.Set(s, wall("k", "", noon)); !errors.Is(err, ErrVersion) {
		t.Errorf("setting a timer that a later version has set: %v, want %v", err, ErrVersion)
	}
}
