package node_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// A stuckLedger is a disk on which the ledger's syncs wait while it is stuck.
type stuckLedger struct {
	vfs.FS
	stuck atomic.Bool
	freed chan struct{}
}

func newStuckLedger() *stuckLedger {
	d := &stuckLedger{freed: make(chan struct{})}
	d.FS = vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if d.stuck.Load() && op.Kind == vfs.OpSync && strings.Contains(op.Name, "/ledger/") {
			<-d.freed
		}
		return nil
	})
	return d
}

func (d *stuckLedger) free() {
	d.stuck.Store(false)
	close(d.freed)
}

// Whichever bound is reached, producers are refused for a while, the node is not
// ready and says where, and all goes on when the ledger does.
func TestTheLedgerFallsNoFurtherBehindThanItMay(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   node.Config
		topic map[string]*string
		why   string
	}{
		"one partition":  {node.Config{}, map[string]*string{"evident.ledger.max.lag.bytes": kadm.StringPtr("1048576")}, "orders-0: "},
		"all partitions": {node.Config{LedgerMaxLag: 1 << 20}, nil, "of all partitions "},
	} {
		t.Run(name, func(t *testing.T) {
			disk := newStuckLedger()
			c.cfg.FS = disk
			p := startProvable(t, c.cfg)
			if _, err := kadm.NewClient(p.client()).CreateTopic(t.Context(), 1, 1, c.topic, "orders"); err != nil {
				t.Fatal(err)
			}
			producer := p.client(kgo.RecordRetries(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
			produce(t, producer, "first")
			p.proven(0)
			disk.stuck.Store(true)
			p.produceUntil(producer, func(err error) bool { return errors.Is(err, kerr.NotEnoughReplicas) })
			p.waitReady(http.StatusServiceUnavailable, "the ledger is too far behind the log: "+c.why)
			disk.free()
			p.produceUntil(producer, func(err error) bool { return err == nil })
			p.waitReady(http.StatusOK, "ok")
			if _, body := get(t, p.web+"/metrics"); !strings.Contains(body, "evident_ledger_refused_total") {
				t.Error("no metric tells that producers were refused")
			}
		})
	}
}

// produceUntil produces records of some size until the outcome is as is wanted.
func (p *provable) produceUntil(c *kgo.Client, good func(error) bool) {
	p.t.Helper()
	value := strings.Repeat("x", 300_000)
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if err = c.ProduceSync(p.t.Context(), kgo.StringRecord(value)).FirstErr(); good(err) {
			return
		}
	}
	p.t.Fatalf("the last outcome was %v", err)
}

func (p *provable) waitReady(want int, why string) {
	p.t.Helper()
	var status int
	var body string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if status, body = get(p.t, p.web+"/readyz"); status == want && strings.Contains(body, why) {
			return
		}
	}
	p.t.Fatalf("/readyz says %d %s, want %d with %q", status, body, want, why)
}
