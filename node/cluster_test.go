package node_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/node"
)

func fakeCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "orders")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}

func TestANodeOnAClusterHasNoBrokerAndNoLog(t *testing.T) {
	t.Chdir(t.TempDir())
	n, err := node.Start(t.Context(), node.Config{
		Cluster:           &node.Cluster{Brokers: fakeCluster(t).ListenAddrs()},
		ReplicationFactor: 1,
		HTTP:              []node.Listener{{Name: "http", Address: "127.0.0.1:0"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("the node wrote %v, %v", entries, err)
	}
	if got := n.ReplicationFactor(); got != 1 {
		t.Errorf("replication factor %d", got)
	}
	if len(n.Addresses().Kafka) != 0 {
		t.Errorf("the node listens on %v", n.Addresses().Kafka)
	}
	web := "http://" + n.Addresses().HTTP["http"]
	if status, body := get(t, web+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d, %s", status, body)
	}
	if _, body := get(t, web+"/metrics"); !strings.Contains(body, "\nevident_cluster_up 1\n") {
		t.Error("/metrics does not say that the cluster is up")
	}
	client, err := n.Client(kgo.DefaultProduceTopic("orders"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.ProduceSync(ctx, kgo.StringRecord("hello")).FirstErr(); err != nil {
		t.Error(err)
	}
	client.Close()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// lines are what a logger writes, each in time for a test to wait for it.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// freeAddress finds a port before the node has it: a node that still waits for
// its cluster does not tell its addresses.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// While a node waits for its cluster it is alive and not ready.
func TestReadinessSaysWhyANodeWaitsForItsCluster(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	address := freeAddress(t)
	log := make(lines, 10)
	ran := make(chan error, 1)
	go func() {
		ran <- node.Run(ctx, node.Config{
			Cluster: &node.Cluster{Brokers: []string{"127.0.0.1:1"}},
			HTTP:    []node.Listener{{Name: "http", Address: address}},
			Logger:  slog.New(slog.NewTextHandler(log, nil)),
		})
	}()
	if line := <-log; !strings.Contains(line, "waiting for the Kafka cluster") {
		t.Errorf("logged %s", line)
	}
	if status, body := get(t, "http://"+address+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no broker at 127.0.0.1:1") {
		t.Errorf("/readyz: %d, %s", status, body)
	}
	if status, _ := get(t, "http://"+address+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	stop()
	if err := <-ran; err != nil {
		t.Errorf("stopped while it waited: %v", err)
	}
}

func TestALedgerIsSharedOnAClusterOnlyAndUnderOneName(t *testing.T) {
	on := &node.Cluster{Brokers: []string{"127.0.0.1:1"}}
	for want, cfg := range map[string]node.Config{
		"names no bucket":   {Cluster: on, LedgerOrigin: "example.com/events", LedgerStore: "bucket"},
		"broker of its own": {LedgerOrigin: "example.com/events", LedgerStore: "s3://bucket/a"},
		"need its origin":   {Cluster: on, LedgerStore: "s3://bucket/a"},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
