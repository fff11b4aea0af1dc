package state

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

// oddKey is a key that may have much in common with others, and may be one's beginning.
func oddKey(rng *rand.Rand) []byte {
	switch rng.IntN(4) {
	case 0:
		return bytes.Repeat([]byte{0}, rng.IntN(2*cutAt))
	case 1:
		return bytes.Repeat([]byte{0xff}, rng.IntN(2*cutAt))
	default:
		return fmt.Appendf(nil, "%s%d", strings.Repeat("customer", rng.IntN(2)*cutAt/4), rng.IntN(300))
	}
}

// writeRuns writes runs of random keys, many of them in several; want is what they make.
func writeRuns(t *testing.T, fs vfs.FS, rng *rand.Rand, n int) (files []*runFile, want map[string]string) {
	want = map[string]string{}
	w := runWriter{fs: fs}
	for i := range n {
		var r run
		for range rng.IntN(150) {
			kind, store, key := kindData, []string{"\x01a", "\x02bb"}[rng.IntN(2)], oddKey(rng)
			if rng.IntN(5) == 0 {
				kind, store = kindExpiry, ""
			}
			value := bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(runBlock/4))
			if rng.IntN(4) == 0 {
				value = nil
			}
			must(t, r.add(byte(kind), []byte(store), key, value))
			want[fmt.Sprintf("%c%s%s", kind, store, key)] = fmt.Sprintf("%s,%t", value, value == nil)
		}
		file, err := w.write(&r, fmt.Sprintf("/run%d", i))
		must(t, err)
		files = append(files, file)
	}
	return files, want
}

// However runs are shared out, each key comes once, in order, and as it was last.
func TestSharesOfRunsHaveEachKeyOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for round := range 21 {
		fs := memFS()
		files, want := writeRuns(t, fs, rng, round%7)
		runs, err := openRuns(fs, files)
		must(t, err)
		for limit := range 5 {
			all := shares(files, limit+1, 1)
			if len(all) < 1 || len(all) > limit+1 {
				t.Fatalf("%d shares, want 1 to %d", len(all), limit+1)
			}
			var got []string
			for _, s := range slices.Concat(all...) {
				got = append(got, spanned(t, runs, s, want)...)
			}
			if !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
				t.Errorf("%d runs in %d shares have %d keys, want %d others", len(files), len(all), len(got), len(want))
			}
		}
		must(t, runs.close())
	}
}

// spanned are the keys of runs in a span.
func spanned(t *testing.T, runs openedRuns, s span, want map[string]string) (keys []string) {
	sources, err := runs.in(s)
	must(t, err)
	for m := mergeSources(sources); ; {
		ok, err := m.next()
		must(t, err)
		if !ok {
			return keys
		}
		key, value := m.at()
		full := string(s.prefix) + string(key)
		if got := fmt.Sprintf("%s,%t", value, value == nil); got != want[full] {
			t.Errorf("%x is %.40q, want %.40q", full, got, want[full])
		}
		keys = append(keys, full)
	}
}

// Else one goroutine would do the work, and the others wait.
func TestSharesAreOfAboutTheSameSize(t *testing.T) {
	fs := memFS()
	w := runWriter{fs: fs}
	var files []*runFile
	for i := range 4 {
		var r run
		for n := range 5_000 {
			must(t, r.add(kindData, []byte("\x01a"), fmt.Appendf(nil, "%08d", n*7919%100_000), make([]byte, 100)))
		}
		file, err := w.write(&r, fmt.Sprintf("/run%d", i))
		must(t, err)
		files = append(files, file)
	}
	runs, err := openRuns(fs, files)
	must(t, err)
	defer runs.close()
	all := shares(files, 2, 1)
	if len(all) != 2 {
		t.Fatalf("%d shares, want 2", len(all))
	}
	for i, spans := range all {
		n := 0
		for _, s := range spans {
			sources, err := runs.in(s)
			must(t, err)
			m := mergeSources(sources)
			for ok, err := m.next(); ok; ok, err = m.next() {
				must(t, err)
				n++
			}
		}
		if n < 2_000 || n > 3_000 {
			t.Errorf("share %d has %d of 5000 keys, want about half", i, n)
		}
	}
	if small := shares(files, 2, 1<<30); len(small) != 1 {
		t.Errorf("%d shares of what is not worth two", len(small))
	}
}
