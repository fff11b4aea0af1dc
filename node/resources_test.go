package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
	"github.com/evidentlog/evident/proof"
)

// ordersTopic is a declaration.
const ordersTopic = `{"apiVersion":"evident/v1","kind":"Topic","metadata":{"name":"orders"},"spec":{"partitions":1,"config":{"evident.ledger":%q}}}`

// declare asks a node to put up a declaration.
func declare(t testing.TB, n *node.Node, token, path, body string, header ...string) (status int, answer, revision string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+n.Addresses().HTTP["http"]+"/v1/resources/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), strings.Trim(resp.Header.Get("ETag"), `"`)
}

func mustDeclare(t testing.TB, n *node.Node, path, body string) (revision int64) {
	t.Helper()
	status, answer, tag := declare(t, n, n.HTTPToken(), path, body)
	if status != http.StatusOK {
		t.Fatalf("declaring %s: %d %s", path, status, answer)
	}
	revision, err := strconv.ParseInt(tag, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

// What is declared is made, kept, and provable like any record, whether or not the
// node's clock and its groups wait.
func TestADeclaredTopicIsThereAndItsDeclarationProvable(t *testing.T) {
	p := startProvable(t, node.Config{})
	admin := kadm.NewClient(p.client())
	if topics, err := admin.ListTopicsWithInternal(t.Context()); err != nil || topics.Has("__evident_resources") {
		t.Fatalf("before anything is declared there are %v, %v", topics.Names(), err)
	}
	revision := mustDeclare(t, p.Node, "Topic/orders", fmt.Sprintf(ordersTopic, "on"))
	topics, err := admin.ListTopics(t.Context(), "orders")
	if err != nil || !topics.Has("orders") {
		t.Fatalf("made %v, %v", topics.Names(), err)
	}
	f, err := p.Prove(t.Context(), "__evident_resources", 0, revision)
	if err != nil {
		t.Fatal(err)
	}
	report, err := f.Verify(proof.Trust{Keys: p.ProofKeys()})
	if err != nil || !strings.Contains(string(report.Heads[0].Records[0].Record.Value), `"orders"`) {
		t.Fatalf("proved %+v, %v", report, err)
	}
	p.stop()
	p.start()
	status, body := get(t, p.web+"/v1/resources/Topic/orders")
	if status != http.StatusOK || !strings.Contains(body, `"revision":`+fmt.Sprint(revision)) {
		t.Errorf("after a restart: %d %s", status, body)
	}
	mustDeclare(t, p.Node, "Topic/orders", fmt.Sprintf(ordersTopic, "off"))
}

// A node that was killed writes again at once: it comes back under its own name, and
// nobody waits for the one before to be missed.
func TestAfterAPowerCutTheNodeDeclaresAtOnce(t *testing.T) {
	disk := vfs.NewMem()
	p := startProvable(t, node.Config{FS: disk})
	mustDeclare(t, p.Node, "Topic/orders", fmt.Sprintf(ordersTopic, "on"))
	before := p.Node
	p.cfg.FS = disk.Crash(vfs.KeepNone)
	p.start()
	t.Cleanup(func() { _ = before.Close() })
	begun := time.Now()
	mustDeclare(t, p.Node, "Topic/orders", fmt.Sprintf(ordersTopic, "off"))
	t.Logf("declared %v after the start", time.Since(begun))
}

func TestOnlyWhoHasTheTokenDeclares(t *testing.T) {
	p := startProvable(t, node.Config{})
	for _, test := range []struct {
		token  string
		header []string
		want   string
	}{
		{"", nil, "this needs the node's token"},
		{"evident-token-1.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", nil, "this needs the node's token"},
		{p.HTTPToken(), []string{"Sec-Fetch-Site", "cross-site"}, "not changed by pages of other sites"},
	} {
		status, answer, _ := declare(t, p.Node, test.token, "Topic/orders", fmt.Sprintf(ordersTopic, "on"), test.header...)
		if status != http.StatusUnauthorized || !strings.Contains(answer, test.want) {
			t.Errorf("%d %s", status, answer)
		}
	}
	if status, body := get(t, p.web+"/v1/resources"); status != http.StatusOK || !strings.Contains(body, `"resources":[]`) {
		t.Errorf("%d %s", status, body)
	}
}

// clusterNode starts a node on somebody else's cluster.
func clusterNode(t *testing.T, c *kfake.Cluster, cfg node.Config) *node.Node {
	t.Helper()
	cfg.Cluster = &node.Cluster{Brokers: c.ListenAddrs()}
	cfg.HTTP = []node.Listener{{Name: "http", Address: "127.0.0.1:0"}}
	if cfg.FS == nil {
		cfg.FS = vfs.NewMem()
	}
	n, err := node.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestNodesThatShareAClusterPassDeclarationsOn(t *testing.T) {
	c, disk := fakeCluster(t, kfake.SleepOutOfOrder()), vfs.NewMem()
	a := clusterNode(t, c, node.Config{FS: disk, HTTPTokenFile: "/shared/token"})
	mustDeclare(t, a, "Topic/first", strings.ReplaceAll(fmt.Sprintf(ordersTopic, "on"), "orders", "first"))
	b := clusterNode(t, c, node.Config{FS: disk, HTTPTokenFile: "/shared/token"})
	revision := mustDeclare(t, b, "Topic/second", strings.ReplaceAll(fmt.Sprintf(ordersTopic, "on"), "orders", "second"))
	for _, n := range []*node.Node{a, b} {
		status, body := get(t, fmt.Sprintf("http://%s/v1/resources/Topic/second?after=%d", n.Addresses().HTTP["http"], revision))
		if status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
	}
	other := clusterNode(t, c, node.Config{HTTPTokenFile: "/token"})
	if status, answer, _ := declare(t, other, other.HTTPToken(), "Topic/third", strings.ReplaceAll(fmt.Sprintf(ordersTopic, "on"), "orders", "third")); status != http.StatusBadGateway || !strings.Contains(answer, "--http-token-file") {
		t.Errorf("with another token: %d %s", status, answer)
	}
	none := clusterNode(t, c, node.Config{})
	if status, answer, _ := declare(t, none, "", "Topic/third", "{}"); status != http.StatusUnauthorized || !strings.Contains(answer, "--http-token-file") {
		t.Errorf("without a token: %d %s", status, answer)
	}
	if status, body := get(t, fmt.Sprintf("http://%s/v1/resources/Topic/second", none.Addresses().HTTP["http"])); status != http.StatusOK {
		t.Errorf("a node without a token reads: %d %s", status, body)
	}
}

// A foreign cluster does not keep Evident's settings: the declaration does, and wins
// over the patterns of the configuration.
func TestOnAClusterTheDeclarationSaysWhatIsProvable(t *testing.T) {
	c := fakeCluster(t, kfake.SleepOutOfOrder())
	p := startProvable(t, node.Config{Cluster: &node.Cluster{Brokers: c.ListenAddrs()}, LedgerExclude: []string{"o*"}})
	produced := func() int64 {
		r := &kgo.Record{Topic: "orders", Value: []byte("x")}
		if err := p.client().ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		return r.Offset
	}
	mustDeclare(t, p.Node, "Topic/orders", fmt.Sprintf(ordersTopic, "on"))
	for range 2 {
		offset := produced()
		for deadline := time.Now().Add(time.Minute); ; {
			_, err := p.Prove(t.Context(), "orders", 0, offset)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		p.stop()
		p.start()
	}
}

func TestANodeThatDeclaresAtItsStartIsReadyAfterwardsOrNotAtAll(t *testing.T) {
	cfg := node.Config{FS: vfs.NewMem(), Data: "/data", Kafka: []node.Listener{}, HTTP: []node.Listener{}}
	cfg.Declarations = []json.RawMessage{json.RawMessage(fmt.Sprintf(ordersTopic, "on"))}
	for range 2 { // the second time it is declared already
		n, err := node.Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		client, err := n.Client()
		if err != nil {
			t.Fatal(err)
		}
		if topics, err := kadm.NewClient(client).ListTopics(t.Context(), "orders"); err != nil || !topics.Has("orders") {
			t.Errorf("there are %v, %v", topics.Names(), err)
		}
		client.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	cfg.Declarations = append(cfg.Declarations, json.RawMessage(`{"kind":"Topic"}`))
	if n, err := node.Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), `the field "apiVersion" is missing`) {
		t.Errorf("started %v, %v", n, err)
	}
}
