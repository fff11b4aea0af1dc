package node_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// BenchmarkFollow is how long another node on the same broker takes, from the
// beginning of a request until it knows what that declares.
func BenchmarkFollow(b *testing.B) {
	start := func(cfg node.Config) *node.Node {
		cfg.HTTP, cfg.FS, cfg.Data = []node.Listener{{Name: "http", Address: "127.0.0.1:0"}}, vfs.OS(), b.TempDir()
		n, err := node.Start(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := n.Close(); err != nil {
				b.Error(err)
			}
		})
		return n
	}
	writer := start(node.Config{Kafka: []node.Listener{{Name: "kafka", Address: "127.0.0.1:0"}}})
	follower := start(node.Config{Cluster: &node.Cluster{Brokers: []string{writer.Addresses().Kafka["kafka"]}}})
	var all []time.Duration
	for i := range b.N {
		began := time.Now()
		body := strings.Replace(fmt.Sprintf(ordersTopic, "on"), `"evident.ledger"`, fmt.Sprintf(`"retention.ms":%d,"evident.ledger"`, 1000+i), 1)
		revision := mustDeclare(b, writer, "Topic/orders", body)
		resp, err := http.Get(fmt.Sprintf("http://%s/v1/resources/Topic/orders?after=%d", follower.Addresses().HTTP["http"], revision))
		if err != nil {
			b.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	for name, at := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "max-ms": 1} {
		b.ReportMetric(float64(all[int(at*float64(len(all)-1))].Microseconds())/1000, name)
	}
}
