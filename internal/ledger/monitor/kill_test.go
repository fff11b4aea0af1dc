package monitor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/vfs"
)

// childOf names, in the environment of a process of this test program, the node
// that it is to monitor, and childDir where.
const (
	childOf  = "EVIDENT_MONITOR_TEST_OF"
	childDir = "EVIDENT_MONITOR_TEST_DIR"
)

// TestMain makes a process of this program a monitor that goes on until it is killed.
func TestMain(m *testing.M) {
	of := os.Getenv(childOf)
	if of == "" {
		os.Exit(m.Run())
	}
	w, err := realMonitor(of, os.Getenv(childDir))
	for err == nil {
		err = w.patient(context.Background())
	}
	os.Exit(1) // an alarm, or what it does not expect
}

// patient makes a round, and again if a slow machine was the reason that it failed.
func (m *Monitor) patient(ctx context.Context) error {
	for {
		err := m.Once(ctx)
		if !errors.As(err, new(*passingError)) {
			return err
		}
	}
}

func realMonitor(of, dir string) (*Monitor, error) {
	site, err := remote.NewSite(of, remote.Config{})
	if err != nil {
		return nil, err
	}
	return Open(Config{Site: site, FS: vfs.OS(), Dir: dir, Raise: func(context.Context, Event) error { return nil }})
}

// A deadly web shows a node, and kills who asks with the request of a number.
type deadly struct {
	mu     sync.Mutex
	node   *node
	left   int // requests until then; none if negative
	victim *exec.Cmd
	dead   chan struct{}
}

func (d *deadly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left--
	if d.left == 0 {
		_ = d.victim.Process.Kill()
		<-d.dead
		return
	}
	d.node.ServeHTTP(w, r)
}

// A monitor that is killed at any request of a round finds its state in order. It
// raises no alarm of an honest log, and knows one that is rewritten.
func TestAMonitorThatIsKilledMissesNothing(t *testing.T) {
	n := newNode(t)
	d := &deadly{node: n, left: -1}
	web := httptest.NewServer(d)
	defer web.Close()
	dir := filepath.Join(t.TempDir(), "monitor")
	for kill := 1; kill <= 12; kill++ {
		d.mu.Lock()
		for partition := range 3 {
			n.produce(origin(partition, 0), 100, "order")
		}
		d.left = kill
		d.victim = exec.Command(os.Args[0])
		d.victim.Env = append(os.Environ(), childOf+"="+web.URL, childDir+"="+dir)
		d.dead = make(chan struct{})
		err := d.victim.Start()
		d.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		_ = d.victim.Wait() // it was killed
		close(d.dead)
		d.mu.Lock()
		left := d.left
		d.mu.Unlock()
		if left > 0 {
			t.Fatalf("the monitor ended by itself, %d requests before it was to be killed: %v", left, d.victim.ProcessState)
		}
	}
	m, err := realMonitor(web.URL, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.patient(t.Context()); err != nil {
		t.Fatalf("an honest log, after all kills: %v", err)
	}
	if m.state.read != int64(len(n.root)) || len(m.state.trees) != 3 || len(m.state.seen) != 1 {
		t.Errorf("it has read %d of %d entries, and knows %d trees and %d checkpoints", m.state.read, len(n.root), len(m.state.trees), len(m.state.seen))
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	entries := len(n.root)
	signers := n.signers
	d.node = rewritten(newNode(t), entries+5)
	d.node.signers = signers
	d.mu.Unlock()
	if m, err = realMonitor(web.URL, dir); err != nil {
		t.Fatal(err)
	}
	var a *Alarm
	if err := m.patient(t.Context()); !errors.As(err, &a) || a.Type != Fork || !strings.Contains(a.Data.Message, "was rewritten") {
		t.Errorf("a history that was rewritten: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}
