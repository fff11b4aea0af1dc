package ledger

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// get asks a handler, and returns status and body.
func get(h http.Handler, path string) (*http.Response, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	r := w.Result()
	body, _ := io.ReadAll(r.Body)
	return r, string(body)
}

// tlogClient reads a log as tlog-tiles has it, with x/mod's reader.
type tlogClient struct {
	t      *testing.T
	h      http.Handler
	prefix string
}

func (c tlogClient) Height() int                         { return tree.TileHeight }
func (c tlogClient) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (c tlogClient) ReadTiles(tiles []tlog.Tile) (all [][]byte, err error) {
	for _, tile := range tiles {
		path := strings.TrimPrefix(tile.Path(), "tile/8/")
		r, body := get(c.h, c.prefix+"tile/"+path)
		if r.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s", path, body)
		}
		all = append(all, []byte(body))
	}
	return all, nil
}

// follow reads all entries of a log, and checks them against its checkpoint.
func (c tlogClient) follow(key *proof.Verifier) [][]byte {
	c.t.Helper()
	_, signed := get(c.h, c.prefix+"checkpoint")
	n, err := note.Open([]byte(signed), note.VerifierList(key))
	if err != nil {
		c.t.Fatalf("%scheckpoint: %v\n%s", c.prefix, err, signed)
	}
	head, err := proof.ParseCheckpoint(n.Text)
	if err != nil || head.Origin != key.Name() {
		c.t.Fatalf("%+v of %s, %v", head, key.Name(), err)
	}
	hashes := tlog.TileHashReader(tlog.Tree{N: head.Size, Hash: head.Root}, c)
	var entries [][]byte
	for i := int64(0); i < head.Size; i++ {
		if i%tree.TileWidth == 0 {
			entries = append(entries, c.bundle(i/tree.TileWidth, tree.Width(head.Size, 0, i/tree.TileWidth))...)
		}
		if i%97 == 0 || i == head.Size-1 {
			p, err := tlog.ProveRecord(head.Size, i, hashes)
			if err == nil {
				err = tlog.CheckRecord(p, head.Size, head.Root, i, tlog.RecordHash(entries[i]))
			}
			if err != nil {
				c.t.Fatalf("entry %d of %s: %v", i, head.Origin, err)
			}
		}
	}
	return entries
}

func (c tlogClient) bundle(n int64, width int) (entries [][]byte) {
	c.t.Helper()
	path := fmt.Sprintf("%stile/entries/%03d", c.prefix, n)
	if width < tree.TileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	r, body := get(c.h, path)
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != tileType {
		c.t.Fatalf("%s: %s %s", path, r.Status, body)
	}
	for b := []byte(body); len(b) > 0; {
		size := binary.BigEndian.Uint16(b)
		entries = append(entries, b[2:2+size])
		b = b[2+size:]
	}
	return entries
}

func TestOthersCanReadTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		add(t, l.partition(1), 70_000)
		add(t, l.partition(2), 300)
		time.Sleep(2 * DefaultInterval)
		h := l.Handler()
		_, keys := get(h, "/ledger/vkey")
		var known []*proof.Verifier
		for line := range strings.Lines(keys) {
			v, err := proof.ParseVerifier(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			known = append(known, v)
		}
		for _, key := range known {
			if root := (tlogClient{t, h, "/ledger/root/"}).follow(key); len(root) != 2 {
				t.Errorf("the root log has %d entries", len(root))
			}
		}
		for _, path := range []string{"/ledger/topics/orders/1/", "/ledger/trees/orders/AAAAAAAAAAAAAAAAAAAAAQ/1/0/"} {
			partition, err := known[0].Named(l.partition(1).origin)
			if err != nil {
				t.Fatal(err)
			}
			if all := (tlogClient{t, h, path}).follow(partition); len(all) != 70_000 {
				t.Errorf("%s: %d entries", path, len(all))
			}
		}
		l.end()
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		add(t, l.partition(1), 300)
		time.Sleep(2 * DefaultInterval)
		l.partition(2) // without a head
		h := l.Handler()
		good := "/ledger/topics/orders/1/"
		for _, path := range []string{
			"/ledger/topics/orders/2/checkpoint", "/ledger/topics/other/1/checkpoint", "/ledger/topics/orders/x/checkpoint",
			"/ledger/trees/orders/AAAAAAAAAAAAAAAAAAAAAQ/1/1/checkpoint",
			good, good + "x", good + "tile", good + "tile/0", good + "tile/0/1", good + "tile/0/001", good + "tile/0/001.p/45",
			good + "tile/0/000.p/256", good + "tile/0/000.p/0", good + "tile/0/x000/000", good + "tile/00/000", good + "tile/9/000",
			good + "tile/-1/000", good + "tile/entries/001", good + "tile/0/0x0", good + "tile/0/+01", good + "tile/0/001/x002",
			"/ledger/root/tile/1/000",
			good + "tile/0/x072/x057/x594/x037/x927/936", // 2^56 times 256 is 0 in 64 bits
			good + "tile/entries/x072/x057/x594/x037/x927/936", good + "tile/0/x999/x999/x999/x999/x999/999",
		} {
			if r, body := get(h, path); r.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s %.100s", path, r.Status, body)
			}
		}
		for _, path := range []string{"tile/0/000", "tile/0/001.p/44", "tile/0/001.p/3", "tile/1/000.p/1"} {
			if r, body := get(h, good+path); r.StatusCode != http.StatusOK {
				t.Errorf("%s: %s %.100s", path, r.Status, body)
			}
		}
		l.end()
	})
}

// Tiles never change; but what is the newest tree of a partition does, when the
// topic is made anew, and a cache must not mix two trees.
func TestCachesKeepTilesUnderTheNameOfTheirTreeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		add(t, l.partition(1), 300)
		time.Sleep(2 * DefaultInterval)
		h := l.Handler()
		for path, want := range map[string]string{
			"/ledger/root/": fresh + immutable,
			"/ledger/trees/orders/AAAAAAAAAAAAAAAAAAAAAQ/1/0/": fresh + immutable,
			"/ledger/topics/orders/1/":                         fresh + fresh,
		} {
			checkpoint, _ := get(h, path+"checkpoint")
			tile, body := get(h, path+"tile/entries/000.p/1")
			if got := checkpoint.Header.Get("Cache-Control") + tile.Header.Get("Cache-Control"); got != want {
				t.Errorf("%s: %s, %q, want %q: %.100s", path, tile.Status, got, want, body)
			}
		}
		l.end()
	})
}

// Invariants: nothing panics; an index that is read is written the same.
func FuzzParseTileIndex(f *testing.F) {
	for _, s := range []string{"067", "x001/x234/067", "067.p/12", "x000/001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, width, err := parseTileIndex(s)
		if err != nil {
			return
		}
		want := strings.TrimPrefix(tlog.Tile{H: 8, L: 0, N: n, W: width}.Path(), "tile/8/0/")
		if s != want {
			t.Errorf("%q was read as tile %d of width %d, which is written %q", s, n, width, want)
		}
	})
}
