package remote

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// served is a tiled log in memory, as files by path.
type served map[string][]byte

// grow adds the tiles that a checkpoint of size needs; entry i is named so.
func grow(t testing.TB, size int64) (served, proof.Checkpoint) {
	t.Helper()
	files := served{}
	var grown tree.Tree
	var streams tree.Streams
	var bundle []byte
	for i := range size {
		e := fmt.Appendf(nil, "entry %d", i)
		grown.Append(tlog.RecordHash(e), &streams)
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e))), e...)
		if w := int(i%tree.TileWidth) + 1; w == tree.TileWidth || i == size-1 {
			files.put("tile/entries/", i/tree.TileWidth, w, bundle)
			bundle = nil
		}
	}
	for level, hashes := range streams {
		for n := int64(0); len(hashes) > 0; n++ {
			w := min(tree.TileWidth, len(hashes)/tlog.HashSize)
			files.put(fmt.Sprintf("tile/%d/", level), n, w, hashes[:w*tlog.HashSize])
			hashes = hashes[w*tlog.HashSize:]
		}
	}
	return files, proof.Checkpoint{Origin: "example.com/log", Size: size, Root: grown.Root()}
}

func (s served) put(prefix string, n int64, width int, b []byte) {
	name := prefix + index(n)
	if width < tree.TileWidth {
		name += fmt.Sprintf(".p/%d", width)
	}
	s[name] = b
}

func (s served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, ok := s[strings.TrimPrefix(r.URL.Path, "/log/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(b)
}

// wire answers requests without a network.
type wire struct{ http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func logOf(t testing.TB, h http.Handler) *Log {
	t.Helper()
	s, err := NewSite("http://example.com/", Config{HTTP: &http.Client{Transport: wire{h}}})
	if err != nil {
		t.Fatal(err)
	}
	return s.Log("log")
}

var sizes = []int64{1, 2, 255, 256, 257, 700, 3000}

func TestAViewGivesWhatItsCheckpointHas(t *testing.T) {
	for _, size := range sizes {
		files, c := grow(t, size)
		v := logOf(t, files).At(c)
		roots, err := v.Roots(t.Context(), 0, 1, size/2, size-1, size)
		if err != nil || roots[4] != c.Root {
			t.Fatalf("size %d: %v", size, err)
		}
		_, before := grow(t, size/2)
		if size > 1 && roots[2] != before.Root {
			t.Errorf("size %d: another root at %d", size, size/2)
		}
		for _, r := range [][2]int64{{0, min(size, 600)}, {size / 2, min(size, size/2+300)}, {size - 1, size}, {size, size}} {
			entries, err := v.Entries(t.Context(), r[0], r[1])
			if err != nil || int64(len(entries)) != r[1]-r[0] {
				t.Fatalf("size %d, entries %v: %d, %v", size, r, len(entries), err)
			}
			for i, e := range entries {
				if want := fmt.Sprintf("entry %d", r[0]+int64(i)); string(e) != want {
					t.Fatalf("size %d: got %q, want %q", size, e, want)
				}
			}
		}
	}
}

func TestProofsOfAViewHold(t *testing.T) {
	files, c := grow(t, 66_000)
	v := logOf(t, files).At(c)
	path, err := v.ProveInclusion(t.Context(), 300)
	if err == nil {
		err = tlog.CheckRecord(path, c.Size, c.Root, 300, tlog.RecordHash([]byte("entry 300")))
	}
	if err != nil {
		t.Error(err)
	}
	_, before := grow(t, 700)
	consistency, err := v.ProveConsistency(t.Context(), 700)
	if err == nil {
		err = tlog.CheckTree(consistency, c.Size, c.Root, before.Size, before.Root)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestAnyAlteredByteOfAnAnswerIsFound(t *testing.T) {
	files, c := grow(t, 300)
	v := logOf(t, files).At(c)
	for name, b := range files {
		for i := 0; i < len(b); i += 1 + len(b)/64 { // every byte of small files
			b[i] ^= 1
			_, err1 := v.Entries(t.Context(), 0, 300)
			_, err2 := v.Roots(t.Context(), 256, 299)
			if err := errors.Join(err1, err2); !errors.Is(err, ErrAltered) {
				t.Fatalf("byte %d of %s flipped: %v", i, name, err)
			}
			b[i] ^= 1
		}
	}
}

func TestAPartialTileThatIsGoneIsTakenOfTheFullOne(t *testing.T) {
	_, c := grow(t, 300)
	files, _ := grow(t, 512)
	files["tile/1/000.p/1"] = files["tile/1/000.p/2"][:tlog.HashSize]
	v := logOf(t, files).At(c)
	entries, err := v.Entries(t.Context(), 250, 300)
	if err != nil || len(entries) != 50 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// failing answers with an error so often, then as another handler.
type failing struct {
	left int
	code int
	http.Handler
	asked []time.Time
}

func (f *failing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, time.Now())
	if f.left--; f.left >= 0 {
		http.Error(w, "try\x1b again", f.code)
		return
	}
	f.Handler.ServeHTTP(w, r)
}

func TestWhatMayPassIsTriedAgainWithLongerPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{left: 3, code: http.StatusBadGateway, Handler: served{"checkpoint": []byte("x")}}
		if got, err := logOf(t, f).Checkpoint(t.Context()); got != "x" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		first, last := f.asked[1].Sub(f.asked[0]), f.asked[3].Sub(f.asked[2])
		if first < 100*time.Millisecond || last < 400*time.Millisecond {
			t.Errorf("pauses of %v and %v", first, last)
		}
		f.left = 4
		if _, err := logOf(t, f).Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "502: try again") {
			t.Error(err)
		}
	})
}

func TestWhatWillNotPassIsAskedOnce(t *testing.T) {
	for _, code := range []int{http.StatusNotFound, http.StatusForbidden} {
		f := &failing{left: 1, code: code, Handler: served{"checkpoint": nil}}
		if _, err := logOf(t, f).Checkpoint(t.Context()); err == nil || errors.Is(err, ErrNotFound) != (code == http.StatusNotFound) {
			t.Errorf("%d: %v", code, err)
		}
		if len(f.asked) != 1 {
			t.Errorf("%d: asked %d times", code, len(f.asked))
		}
	}
}

// endless answers with bytes for as long as somebody reads.
type endless struct{}

func (endless) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(zeros{}), Header: http.Header{}}, nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestAnswersAreBounded(t *testing.T) {
	s, err := NewSite("http://example.com", Config{HTTP: &http.Client{Transport: endless{}}})
	if err != nil {
		t.Fatal(err)
	}
	l := s.Log("")
	_, err1 := l.Checkpoint(t.Context())
	_, err2 := l.Tile(t.Context(), 0, 0, 256)
	_, err3 := l.Bundle(t.Context(), 0, 256)
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, ErrAltered) {
			t.Error(err)
		}
	}
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAServerThatDoesNotAnswerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewSite("http://example.com", Config{HTTP: &http.Client{Transport: silent{}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Log("").Checkpoint(t.Context()); err == nil {
			t.Error("an answer of nobody")
		}
	})
}

func TestBundlesMayBeCompressed(t *testing.T) {
	files, c := grow(t, 256)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok || r.Header.Get("Accept-Encoding") == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(b)
		_ = z.Close()
	}))
	defer server.Close()
	s, err := NewSite(server.URL, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := s.Log("").At(c).Entries(t.Context(), 0, 256); err != nil || len(entries) != 256 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

func TestOnlyWebAddressesAreTaken(t *testing.T) {
	for _, bad := range []string{"", "example.com", "ftp://example.com", "http://", "http://a/?q=1", "http://a/#x", "http://[::1"} {
		if _, err := NewSite(bad, Config{}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestIndexesAreWrittenAsTlogTilesHasThem(t *testing.T) {
	for _, n := range []int64{0, 67, 999, 1000, 1234067, 1<<62 - 1} {
		want := strings.TrimPrefix(tlog.Tile{H: 8, N: n, W: 256}.Path(), "tile/8/0/")
		if got := index(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Invariants: nothing panics; what was read is written the same, and is as many
// entries as were asked for.
func FuzzSplitBundle(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0}, uint16(2))
	f.Add([]byte{255, 255, 1}, uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, wanted uint16) {
		count := int(wanted % (tree.TileWidth + 1))
		entries, err := splitBundle(b, count)
		if err != nil {
			return
		}
		var back []byte
		for _, e := range entries {
			back = append(binary.BigEndian.AppendUint16(back, uint16(len(e))), e...)
		}
		if !bytes.Equal(back, b) || len(entries) != count {
			t.Errorf("%d entries for %d, written %x for %x", len(entries), count, back, b)
		}
	})
}

func TestNothingIsReadOfAnEmptyLog(t *testing.T) {
	v := logOf(t, served{}).At(proof.Checkpoint{Origin: "example.com/log", Root: (&tree.Tree{}).Root()})
	roots, err := v.Roots(t.Context(), 0)
	if err != nil || !reflect.DeepEqual(roots, []proof.Hash{(&tree.Tree{}).Root()}) {
		t.Errorf("%v, %v", roots, err)
	}
}
