package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evidentlog/evident/proof"
)

// sweep destroys the salts of a tree from first to last as retention does.
func (w *world) sweep(id TreeID, at, first, last int64, by string) {
	w.t.Helper()
	head, _ := w.Head(id)
	e := proof.NewErased(at, head.Checkpoint, []proof.Range{{First: first, Last: last}}, by)
	if err := w.Erase([][]byte{e.Bytes()}); err != nil {
		w.t.Fatal(err)
	}
}

// swept is a store with a tree of 40 leaves, of which 30 are gone by many sweeps
// and some were asked for in between.
func swept(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	if err := w.round(growth{1, 40, false}); err != nil {
		t.Fatal(err)
	}
	for i := range int64(10) {
		w.sweep(1, 100+i, 2*i, 2*i+1, ByRetention)
	}
	w.sweep(1, 200, 20, 22, "User:admin")
	for i := range int64(4) {
		w.sweep(1, 300+i, 23+2*i, 23+2*i, ByRetention)
		w.sweep(1, 310+i, 24+2*i, 24+2*i, ByDeletion)
	}
	return w
}

func (w *world) checkSwept() {
	w.t.Helper()
	list := w.Erasures(1)
	if len(list) != 3 {
		w.t.Fatalf("there are %d erasures, want one of each who asked: %+v", len(list), list)
	}
	slices.SortFunc(list, func(a, b Erasure) int { return strings.Compare(a.By, b.By) })
	for i, want := range []string{"User:admin 20-22 200", "deletion 24,26,28,30 313", "retention 0-19,23,25,27,29 303"} {
		e := list[i]
		if got := fmt.Sprint(e.By, " ", proof.FormatRanges(e.Offsets), " ", e.Time.UnixMilli()); got != want || e.Done != (i > 0) || e.Merged != (i > 0) {
			w.t.Errorf("%q, done %v, merged %v; want %q", got, e.Done, e.Merged, want)
		}
	}
	for i := range int64(40) {
		if _, err := w.ReadSalt(1, i); errors.Is(err, ErrErased) != (i <= 30) || i > 30 && err != nil {
			w.t.Errorf("salt %d: %v", i, err)
		}
	}
}

func TestErasuresThatNobodyAskedForAreOne(t *testing.T) {
	w := swept(t)
	for range 3 {
		w.checkSwept()
		st, err := w.readState()
		if err != nil || len(st.gone) != 2 || len(st.erased) != 1 {
			t.Errorf("the state has %+v and %+v, %v", st.gone, st.erased, err)
		}
		if err := errors.Join(w.Close(), w.open()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.ReadSalt(1, 3); err == nil || !strings.Contains(err.Error(), "by retention, on 1970-01-01 00:00:00 UTC at the latest") {
		t.Errorf("a salt that went long ago: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// rewriteState replaces lines of the state file.
func (w *world) rewriteState(replace func(string) string) {
	w.t.Helper()
	st, err := w.readState()
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(st.encode())
	text = replace(text[:strings.LastIndex(text, "crc32c")])
	text += fmt.Sprintf("crc32c %08x\n", crc32.Checksum([]byte(text), castagnoli))
	if err := w.replaceFile(stateFile, []byte(text)); err != nil {
		w.t.Fatal(err)
	}
}

func TestStatesOfVersion1AreRead(t *testing.T) {
	w := swept(t)
	size, _ := w.RootHead()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.rewriteState(func(text string) string {
		lines := []string{stateHeader1}
		for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:] {
			if !strings.HasPrefix(line, "gone ") && !strings.HasPrefix(line, "erased ") {
				lines = append(lines, line)
			}
		}
		for i := size - 19; i < size; i++ { // the first entry is a head
			how := "pending"
			if i%2 == 0 && i != size-9 {
				how = "done"
			}
			lines = append(lines, fmt.Sprintf("erased %d %s", i, how))
		}
		return strings.Join(lines, "\n") + "\n"
	})
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.checkSwept()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAStateThatTheRootLogDoesNotSayIsRefused(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"a version of later":    func(s string) string { return strings.Replace(s, "state 2", "state 3", 1) },
		"somebody else's":       func(s string) string { return strings.Replace(s, " retention ", " deletion ", 1) },
		"of no erasure":         func(s string) string { return regexp.MustCompile(`gone 1 \d+ `).ReplaceAllString(s, "gone 1 0 ") },
		"of another tree":       func(s string) string { return strings.Replace(s, "gone 1 ", "gone 2 ", 1) },
		"offsets that are none": func(s string) string { return strings.Replace(s, "0-19,", "19-0,", 1) },
	} {
		w := swept(t)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w.rewriteState(change)
		if err := w.open(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheClosingEntryIsFoundBehindErasures(t *testing.T) {
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	if err := w.round(growth{1, 10, false}); err != nil {
		t.Fatal(err)
	}
	h, _ := w.Head(1)
	if _, err := w.Closing(h); !errors.Is(err, ErrCorrupt) {
		t.Errorf("of a tree that is open: %v", err)
	}
	closing := proof.RootEntry{Kind: proof.ClosedEntry, Time: 6, Checkpoint: h.Checkpoint, Details: []string{"reason topic deleted"}}
	if err := w.Commit(Round{Roots: [][]byte{closing.Bytes()}}); err != nil {
		t.Fatal(err)
	}
	w.sweep(1, 7, 0, 3, ByRetention)
	w.sweep(1, 8, 4, 4, "User:admin")
	h, _ = w.Head(1)
	if e, err := w.Closing(h); err != nil || e.Details[0] != "reason topic deleted" {
		t.Errorf("%+v, %v", e, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
