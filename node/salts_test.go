package node_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/evidentlog/evident/node"
	"github.com/evidentlog/evident/proof"
)

func TestWithItsSaltARecordOpensItsEntry(t *testing.T) {
	p := startProvable(t, node.Config{})
	c := p.client()
	produce(t, c, "first")
	produce(t, c, "second")
	proven := p.proven(1)
	resp, err := http.Get(p.web + "/v1/topics/orders/partitions/0/salts?from=1&count=10")
	if err != nil {
		t.Fatal(err)
	}
	salts, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || len(salts) != proof.SaltSize {
		t.Fatalf("%s, %d bytes, %v", resp.Status, len(salts), err)
	}
	origin := resp.Header.Get("Evident-Origin")
	if !strings.HasPrefix(origin, "example.com/events/orders/") || !strings.HasSuffix(origin, "/0/0") || resp.Header.Get("Evident-First") != "1" {
		t.Errorf("headers %v", resp.Header)
	}
	_, bundle := get(t, p.web+"/ledger/topics/orders/0/tile/entries/000.p/2")
	const size = 2 + proof.EntrySize
	e, err := proof.ParseEntry([]byte(bundle)[size+2 : 2*size])
	if want := proof.Commit(proven.Record.AppendCanonical(salts)); err != nil || e.Commitment != want {
		t.Errorf("%+v, %v, want commitment %v", e, err, want)
	}
}

func TestBadQuestionsForSaltsAreAnswered(t *testing.T) {
	p := startProvable(t, node.Config{})
	produce(t, p.client(), "first")
	p.proven(0)
	for path, want := range map[string]int{
		"orders/partitions/0/salts":                http.StatusOK,
		"orders/partitions/0/salts?from=0&count=1": http.StatusOK,
		"orders/partitions/0/salts?from=1":         http.StatusServiceUnavailable,
		"orders/partitions/0/salts?from=-1":        http.StatusBadRequest,
		"orders/partitions/0/salts?count=0":        http.StatusBadRequest,
		"orders/partitions/0/salts?count=65537":    http.StatusBadRequest,
		"orders/partitions/7/salts":                http.StatusNotFound,
		"other/partitions/0/salts":                 http.StatusNotFound,
	} {
		if status, body := get(t, p.web+"/v1/topics/"+path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}
