package engine

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long anything may take on a busy machine.
const patience = time.Minute

// node is `evident serve --kafka` in a process of its own.
type node struct {
	t   *testing.T
	cmd *exec.Cmd

	mu    sync.Mutex
	log   bytes.Buffer  // guarded by mu
	grown chan struct{} // a line has come; capacity 1
	ended chan struct{} // the log is over
}

// serve starts a node that ends with the test.
func serve(t *testing.T, flags ...string) *node {
	t.Helper()
	n := &node{t: t, grown: make(chan struct{}, 1), ended: make(chan struct{})}
	n.cmd = exec.Command(kafka.program, append([]string{"serve", "--listen-http", "127.0.0.1:0"}, flags...)...)
	n.cmd.Dir = t.TempDir()
	stderr, err := n.cmd.StderrPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go n.read(stderr)
	t.Cleanup(n.stop)
	return n
}

func (n *node) read(stderr io.Reader) {
	defer close(n.ended)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		n.mu.Lock()
		n.log.WriteString(lines.Text() + "\n")
		n.mu.Unlock()
		select {
		case n.grown <- struct{}{}:
		default:
		}
	}
}

func (n *node) logged() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.String()
}

// says waits for a line and returns what the pattern's group matches in it, or all
// that it matches.
func (n *node) says(pattern string) string {
	n.t.Helper()
	late := time.After(patience)
	for {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(n.logged()); found != nil {
			return found[len(found)-1]
		}
		select {
		case <-n.grown:
		case <-n.ended:
			n.t.Fatalf("the node ended and did not say %s:\n%s", pattern, n.logged())
		case <-late:
			n.t.Fatalf("the node does not say %s:\n%s", pattern, n.logged())
		}
	}
}

// stop ends the node in order.
func (n *node) stop() {
	if err := n.cmd.Process.Signal(os.Interrupt); err != nil {
		n.t.Errorf("the node had ended by itself: %v\n%s", err, n.logged())
	}
	<-n.ended
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("%v\n%s", err, n.logged())
	}
}

// ready waits until the node says that it is, and asks it.
func (n *node) ready() {
	n.t.Helper()
	address := n.says(`msg=ready cluster=\S+ http=(\S+)`)
	resp, err := http.Get("http://" + address + "/readyz")
	if err != nil {
		n.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		n.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		n.t.Errorf("/readyz: %s %s", resp.Status, body)
	}
}

// refused runs a node that must end by itself, and returns the last line that it says.
func refused(t *testing.T, flags ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), kafka.program, append([]string{"serve", "--listen-http", "none"}, flags...)...)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || !exit.Exited() {
		t.Errorf("the node did not refuse to start: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
