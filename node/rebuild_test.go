package node_test

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// rebuild asks for a rebuild of a partition.
func (p *provable) rebuild(partition, token string) (status int, body string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.web+"/v1/topics/orders/partitions/"+partition+"/rebuild", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// A node whose file of entries is gone goes on with all of its proofs, of
// transactions too, when the tree was made again from what the log has.
func TestATreeIsMadeAgainOfTheLog(t *testing.T) {
	disk := vfs.NewMem()
	p := startProvable(t, node.Config{FS: disk})
	for i := range 3 {
		produce(t, p.client(), fmt.Sprint("value-", i))
	}
	c := p.client(kgo.TransactionalID("payer"))
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, "paid")
	if err := c.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if status, body := p.ask(3); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	p.stop()
	list, err := disk.ReadDir("/data/ledger/trees")
	for _, e := range list {
		if err == nil && strings.HasSuffix(e.Name(), ".entries") {
			err = disk.Remove(path.Join("/data/ledger/trees", e.Name()))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	p.start()
	if status, body := p.rebuild("0", "evident-token-1.wrong"); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d %s", status, body)
	}
	if status, body := p.rebuild("7", p.HTTPToken()); status != http.StatusNotFound {
		t.Errorf("a partition that is not there: %d %s", status, body)
	}
	if status, body := p.rebuild("0", p.HTTPToken()); status != http.StatusOK || !strings.Contains(body, `"mended":"0-4","unmended":"","unprovable":"","without_salts":""`) {
		t.Fatalf("%d %s", status, body)
	}
	for offset := range int64(4) {
		p.proven(offset)
	}
	produce(t, p.client(), "later")
	p.proven(5)
}
