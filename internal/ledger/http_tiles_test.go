package ledger

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// The rules of C2SP's tlog-tiles, one by one, on a tree of the size that it has as
// an example.
func TestTheRulesOfTlogTiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		add(t, l.partition(1), 70_000)
		time.Sleep(2 * DefaultInterval)
		h := l.Handler()
		const named = "/ledger/trees/orders/AAAAAAAAAAAAAAAAAAAAAQ/1/0/"
		for _, rule := range []func(*testing.T, http.Handler, string){
			checkpointRule, tileRule, exampleRule, levelsRule, entriesRule, missingRule,
		} {
			rule(t, h, named)
		}
		l.end()
	})
}

// The checkpoint is text that nobody keeps for more than a few seconds.
func checkpointRule(t *testing.T, h http.Handler, log string) {
	for _, prefix := range []string{log, "/ledger/root/", "/ledger/topics/orders/1/"} {
		r, body := get(h, prefix+"checkpoint")
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" || maxAge(r) > 5 {
			t.Errorf("%s %v", r.Status, r.Header)
		}
		if text, signatures, ok := strings.Cut(body, "\n\n"); !ok || !strings.HasPrefix(text, "example.com/") || !strings.HasPrefix(signatures, "— ") {
			t.Errorf("%s", body)
		}
	}
}

// Tiles and bundles of entries are bytes that may be kept for ever.
func tileRule(t *testing.T, h http.Handler, log string) {
	for _, path := range []string{"tile/0/000", "tile/0/273.p/112", "tile/1/000", "tile/entries/000", "tile/entries/273.p/112"} {
		r, _ := get(h, log+path)
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/octet-stream" || maxAge(r) < 1e6 {
			t.Errorf("%s: %s %v", path, r.Status, r.Header)
		}
	}
	head := httptest.NewRecorder()
	h.ServeHTTP(head, httptest.NewRequest(http.MethodHead, log+"tile/0/000", nil))
	if head.Code != http.StatusOK {
		t.Errorf("HEAD: %d", head.Code)
	}
}

// maxAge is for how many seconds an answer may be kept; 0 if it says nothing.
func maxAge(r *http.Response) int {
	for _, directive := range strings.Split(r.Header.Get("Cache-Control"), ",") {
		if age, ok := strings.CutPrefix(strings.TrimSpace(directive), "max-age="); ok {
			n, _ := strconv.Atoi(age)
			return n
		}
	}
	return 0
}

// A tree of 70,000 has 273 full tiles and one of 112 hashes at level 0, one and one of
// 17 at level 1, one of 1 at level 2, and no empty ones.
func exampleRule(t *testing.T, h http.Handler, log string) {
	for path, hashes := range map[string]int{
		"tile/0/000": 256, "tile/0/272": 256, "tile/0/273.p/112": 112, "tile/0/273.p/1": 1, "tile/0/000.p/255": 255,
		"tile/1/000": 256, "tile/1/001.p/17": 17, "tile/2/000.p/1": 1,
		"tile/0/273": 0, "tile/0/273.p/113": 0, "tile/0/274.p/1": 0, "tile/1/001": 0, "tile/1/001.p/18": 0, "tile/2/000": 0,
		"tile/2/000.p/2": 0, "tile/3/000.p/1": 0, "tile/63/000.p/1": 0, "tile/64/000": 0, "tile/entries/273": 0,
	} {
		r, body := get(h, log+path)
		if hashes == 0 {
			if r.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, r.Status)
			}
		} else if r.StatusCode != http.StatusOK || len(body) != hashes*tlog.HashSize {
			t.Errorf("%s: %s, %d bytes", path, r.Status, len(body))
		}
	}
}

// Each hash of a tile is that of a full tile below.
func levelsRule(t *testing.T, h http.Handler, log string) {
	_, above := get(h, log+"tile/1/001.p/17")
	for i := range 17 {
		_, below := get(h, fmt.Sprintf("%stile/0/%03d", log, tree.TileWidth+i))
		var list []tlog.Hash
		for at := 0; at < len(below); at += tlog.HashSize {
			list = append(list, tlog.Hash([]byte(below[at:at+tlog.HashSize])))
		}
		for len(list) > 1 {
			for j := range len(list) / 2 {
				list[j] = tlog.NodeHash(list[2*j], list[2*j+1])
			}
			list = list[:len(list)/2]
		}
		if want := above[i*tlog.HashSize : (i+1)*tlog.HashSize]; string(list[0][:]) != want {
			t.Errorf("tile %d: its hash is %v, and above it stands %x", i, list[0], want)
		}
	}
}

// Entries have their lengths before them, and hash to what stands at level 0.
func entriesRule(t *testing.T, h http.Handler, log string) {
	for _, tile := range []string{"000", "273.p/112"} {
		_, entries := get(h, log+"tile/entries/"+tile)
		_, hashes := get(h, log+"tile/0/"+tile)
		n := 0
		for b := []byte(entries); len(b) > 0; n++ {
			size := int(binary.BigEndian.Uint16(b))
			hash := tlog.RecordHash(b[2 : 2+size])
			if size != proof.EntrySize || string(hash[:]) != hashes[n*tlog.HashSize:(n+1)*tlog.HashSize] {
				t.Fatalf("%s: entry %d of %d bytes", tile, n, size)
			}
			b = b[2+size:]
		}
		if n*tlog.HashSize != len(hashes) {
			t.Errorf("%s: %d entries", tile, n)
		}
	}
}

// What is not there, or is not named as it should be, is not found; as it may be there
// soon, nobody keeps that.
func missingRule(t *testing.T, h http.Handler, log string) {
	for _, path := range []string{
		log + "tile/0/274", log + "tile/0/000.p/0", log + "tile/0/000.p/256", log + "tile/0/000.p/01", log + "tile/01/000",
		log + "tile/0/0", log + "tile/0/0000", log + "tile/0/x000/000", log + "tile/0/x000/273", log + "tile/0/001/000",
		log + "tile/entries/274", log + "tile/entries/", log + "checkpoint/", log + "", "/ledger/topics/none/0/checkpoint",
		"/ledger/root/checkpoint/x", "/ledger/root/tile/0/000",
	} {
		if r, _ := get(h, path); r.StatusCode != http.StatusNotFound || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %v", path, r.Status, r.Header)
		}
	}
}
