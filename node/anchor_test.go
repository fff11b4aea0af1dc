package node_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
	"github.com/evidentlog/evident/proof"
	"github.com/evidentlog/evident/proof/opentimestamps"
)

// calendar has all that it gets in Bitcoin block 900000 at once.
func calendar(t *testing.T) string {
	t.Helper()
	var url string
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, a *opentimestamps.Attestation) {
		tree := opentimestamps.Tree{{Op: opentimestamps.SHA256, Then: opentimestamps.Tree{{Attestation: a}}}}
		_, _ = w.Write(tree.AppendTo(nil))
	}
	mux.HandleFunc("POST /digest", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, &opentimestamps.Attestation{Kind: opentimestamps.Pending, URI: url})
	})
	mux.HandleFunc("GET /timestamp/{message}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, &opentimestamps.Attestation{Kind: opentimestamps.Bitcoin, Height: 900000})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	url = server.URL
	return url
}

// anchoredProof asks for a proof with a receipt until there is one.
func (p *provable) anchoredProof(offset int64) *proof.File {
	p.t.Helper()
	for {
		status, body := get(p.t, fmt.Sprintf("%s/v1/topics/orders/partitions/0/records/%d/proof?anchored=1", p.web, offset))
		if status == http.StatusServiceUnavailable {
			select {
			case <-p.t.Context().Done():
				p.t.Fatal(body)
			case <-time.After(10 * time.Millisecond):
			}
			continue
		}
		f, err := proof.ParseFile(body)
		if err != nil {
			p.t.Fatalf("%d %s", status, body)
		}
		return f
	}
}

func TestANodeAnchorsItsLedger(t *testing.T) {
	disk := vfs.NewMem()
	p := startProvable(t, node.Config{FS: disk, AnchorOpenTimestamps: []string{calendar(t) + "/"}, AnchorInterval: 10 * time.Millisecond})
	produce(t, p.client(), "one")
	f := p.anchoredProof(0)
	trust := proof.Trust{Keys: p.ProofKeys(), Anchors: map[string]proof.Anchor{"opentimestamps": opentimestamps.Verifier{}}}
	report, err := f.Verify(trust)
	if err != nil {
		t.Fatal(err)
	}
	if u := strings.Join(report.Heads[0].Unknown, "; "); !strings.Contains(u, "Bitcoin block 900000, whose header was not given") {
		t.Errorf("not checked: %s", u)
	}
	// A proof that does not insist has the receipt too, also when nothing is anchored any more.
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := startProvable(t, node.Config{FS: disk})
	if status, body := again.ask(0); status != http.StatusOK || !strings.Contains(body, "--- receipt opentimestamps\n") {
		t.Errorf("after a restart: %d %s", status, body)
	}
	if _, page := get(t, again.web+"/ledger/root/checkpoints"); !strings.Contains(page, `"kind":"opentimestamps"`) {
		t.Errorf("kept checkpoints: %s", page)
	}
}

func TestAnchorsThatCannotBeAreRefused(t *testing.T) {
	off := false
	key := func() (string, error) { return "", nil }
	for want, cfg := range map[string]node.Config{
		"calendar \"calendar.example\"": {AnchorOpenTimestamps: []string{"calendar.example"}},
		"without a ledger":              {AnchorOpenTimestamps: []string{"https://calendar.example"}, Ledger: &off},
		"JSON-RPC":                      {AnchorEthereum: &node.AnchorEthereum{Contract: "0x" + strings.Repeat("12", 20), Key: key}},
		"is not an address":             {AnchorEthereum: &node.AnchorEthereum{URL: "http://127.0.0.1:1", Key: key}},
		"private key of its contract's": {AnchorEthereum: &node.AnchorEthereum{URL: "http://127.0.0.1:1", Contract: "0x" + strings.Repeat("12", 20)}},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
