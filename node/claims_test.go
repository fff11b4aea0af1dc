package node_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/bucket/buckettest"
	"github.com/evidentlog/evident/node"
)

// claims asks a node to keep large data, and for it after a restart.
func claims(t *testing.T, cfg node.Config) {
	t.Helper()
	p := startProvable(t, cfg)
	data := strings.Repeat("large ", 1<<20)
	sum := sha256.Sum256([]byte(data))
	path := "/v1/claims/" + hex.EncodeToString(sum[:])
	keep := func(token string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.web+path, strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // nothing is read
		return resp.StatusCode
	}
	if status := keep("another"); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
	if status := keep(p.HTTPToken()); status != http.StatusCreated {
		t.Fatalf("%d", status)
	}
	p.stop()
	p.start()
	if status, got := get(t, p.web+path); status != http.StatusOK || got != data {
		t.Errorf("%d, %d bytes", status, len(got))
	}
}

func TestANodeKeepsLargeData(t *testing.T) { claims(t, node.Config{}) }

func TestANodeKeepsLargeDataInABucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "user")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	store := buckettest.New(t)
	claims(t, node.Config{ClaimStore: store.URL()})
	if len(store.Objects()) != 1 {
		t.Errorf("the bucket has %d objects", len(store.Objects()))
	}
}
