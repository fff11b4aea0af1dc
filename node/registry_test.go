package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// orderSchema is one of orders with more and more fields.
func orderSchema(fields int) string {
	all := []string{`{"name":"id","type":"string"}`}
	for i := 1; i < fields; i++ {
		all = append(all, fmt.Sprintf(`{"name":"f%d","type":"int","default":0}`, i))
	}
	return fmt.Sprintf(`{"type":"record","name":"Order","fields":[%s]}`, strings.Join(all, ","))
}

// register asks a registry, and returns the status and the id.
func register(t *testing.T, base, subject, schema string) (status, id int, answer string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/subjects/"+subject+"/versions", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ ID int }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return resp.StatusCode, got.ID, string(text)
}

func mustRegister(t *testing.T, base, subject, schema string) (id int) {
	t.Helper()
	status, id, answer := register(t, base, subject, schema)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	return id
}

// What was registered is there after a power cut that takes all that is not synced, and
// the next id is another.
func TestSchemasSurviveAPowerCut(t *testing.T) {
	disk := vfs.NewMem()
	p := startProvable(t, node.Config{FS: disk, Registry: []node.Listener{{Name: "registry", Address: "127.0.0.1:0"}}})
	base := "http://" + p.Addresses().Registry["registry"]
	for i := 1; i <= 3; i++ {
		if id := mustRegister(t, base, "orders-value", orderSchema(i)); id != i {
			t.Fatalf("schema %d has id %d", i, id)
		}
	}
	before := p.Node
	p.cfg.FS = disk.Crash(vfs.KeepNone)
	p.start()
	t.Cleanup(func() { _ = before.Close() })
	for i := 3; i >= 1; i-- {
		if id := mustRegister(t, p.web+"/registry", "orders-value", orderSchema(i)); id != i {
			t.Errorf("schema %d has id %d", i, id)
		}
	}
	if id := mustRegister(t, p.web+"/registry", "orders-value", orderSchema(4)); id != 4 {
		t.Errorf("the next schema has id %d", id)
	}
	if status, body := get(t, p.web+"/registry/schemas/ids/2"); status != http.StatusOK || !strings.Contains(body, "Order") {
		t.Errorf("%d %s", status, body)
	}
}

func TestNodesThatShareAClusterPassRegistrationsOn(t *testing.T) {
	c, disk := fakeCluster(t, kfake.SleepOutOfOrder()), vfs.NewMem()
	cfg := node.Config{FS: disk, HTTPTokenFile: "/shared/token"}
	base := func(n *node.Node) string { return "http://" + n.Addresses().HTTP["http"] + "/registry" }
	a := clusterNode(t, c, cfg)
	mustRegister(t, base(a), "orders-value", orderSchema(1))
	b := clusterNode(t, c, cfg)
	if id := mustRegister(t, base(b), "orders-value", orderSchema(2)); id != 2 {
		t.Errorf("the schema has id %d", id)
	}
	if id := mustRegister(t, base(a), "orders-value", orderSchema(2)); id != 2 {
		t.Errorf("the same has id %d", id)
	}
	if id := mustRegister(t, base(b), "a%2Fb", orderSchema(3)); id != 3 {
		t.Errorf("the schema of a subject with a slash has id %d", id)
	}
	if status, body := get(t, base(a)+"/subjects"); status != http.StatusOK || body != `["a/b","orders-value"]` {
		t.Errorf("%d %s", status, body)
	}
}
