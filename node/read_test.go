package node_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/node"
)

// readAs asks for a path of p under a name, with a token unless that is empty.
func readAs(p *provable, host, token, path string) (*http.Response, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.web+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if r.Host = host; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		p.t.Fatal(err)
	}
	return resp, string(text)
}

// A name of another machine stands for all that is not local, which has tests where it
// is decided.
func TestDataIsReadFromElsewhereWithTheTokenOnly(t *testing.T) {
	p := startProvable(t, node.Config{})
	produce(t, p.client(), "first")
	p.proven(0)
	const here, elsewhere = "localhost", "events.example.com"
	for _, path := range []string{
		"/v1/search?topic=orders&since=0",
		"/v1/proof?topic=orders&since=0",
		"/v1/topics/orders/partitions/0/records/0/proof",
		"/v1/topics/orders/partitions/0/salts",
		"/v1/processors/none/state/key",
		"/v1/processors/none/state?partition=0",
		"/v1/claims/" + strings.Repeat("0", 64),
	} {
		for _, token := range []string{"", p.HTTPToken()[1:]} {
			resp, text := readAs(p, elsewhere, token, path)
			var refused problem.Problem
			if err := json.Unmarshal([]byte(text), &refused); err != nil || !strings.Contains(refused.Detail, `this request is for "`+elsewhere+`"`) {
				t.Errorf("%s: %s (%v)", path, text, err)
			}
			if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: %s, %v", path, resp.Status, resp.Header)
			}
		}
		with, _ := readAs(p, elsewhere, p.HTTPToken(), path)
		local, _ := readAs(p, here, "", path)
		if with.StatusCode == http.StatusUnauthorized || local.StatusCode != with.StatusCode {
			t.Errorf("%s: %s with the token, %s from here", path, with.Status, local.Status)
		}
	}
	for _, path := range []string{
		"/healthz", "/readyz", "/metrics", "/ledger/vkey", "/ledger/root/checkpoint", "/v1/resources", "/v1/resource-schema",
		"/v1/processors", "/v1/topics/orders/partitions/0/erasures",
	} {
		if resp, text := readAs(p, elsewhere, "", path); resp.StatusCode != http.StatusOK {
			t.Errorf("%s, where no data is: %s %s", path, resp.Status, text)
		}
	}
}
