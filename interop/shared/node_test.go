package shared

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/interop/evident"
)

// Variables that say where everything is.
const (
	programVariable = "EVIDENT"
	clusterVariable = "KAFKA_BROKERS" // of interop/kafka.sh
	storeVariable   = "LEDGER_STORE"  // s3://BUCKET/PREFIX?endpoint=URL
	scriptVariable  = "KAFKA_SH"      // interop/kafka.sh
	folderVariable  = "KAFKA_DIR"     // of the cluster
)

// where is what the variables say. It is set once, before the tests.
var where struct{ program, brokers, store, script, folder string }

func TestMain(m *testing.M) {
	for name, value := range map[string]*string{
		programVariable: &where.program, clusterVariable: &where.brokers, storeVariable: &where.store,
		scriptVariable: &where.script, folderVariable: &where.folder,
	} {
		if *value = os.Getenv(name); *value == "" {
			fmt.Fprintf(os.Stderr, "shared: %s is not set: run interop/shared.sh, which starts all that is needed\n", name)
			os.Exit(2)
		}
	}
	os.Exit(m.Run())
}

const origin = "example.com/shared"

// A node is `evident serve` with a shared ledger. It keeps its address.
type node struct {
	t     *testing.T
	data  string
	web   string // host:port
	flags []string
	cmd   *exec.Cmd
	log   bytes.Buffer
}

// newNode starts a node; without a store it is alone. All nodes of a test have the
// same key file, store and further flags.
func newNode(t *testing.T, keys, store string, flags ...string) *node {
	t.Helper()
	web, err := evident.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, data: t.TempDir() + "/data", web: web}
	n.flags = []string{"--kafka", where.brokers, "--ledger-origin", origin, "--ledger-key", keys, "--listen-http", web}
	if store != "" {
		n.flags = append(n.flags, "--ledger-store", store)
	}
	n.flags = append(n.flags, flags...)
	n.start()
	t.Cleanup(func() {
		_ = n.cmd.Process.Kill() // it may have ended
		_ = n.cmd.Wait()
		if t.Failed() {
			t.Logf("the node on %s said:\n%s", web, n.log.Bytes()[max(0, n.log.Len()-4096):])
		}
	})
	return n
}

func (n *node) start() {
	n.t.Helper()
	n.cmd = exec.Command(where.program, append([]string{"serve", "--data", n.data}, n.flags...)...)
	n.cmd.Stderr = &n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.await("the node answers", func() bool {
		_, err := n.get("/ledger/vkey")
		return err == nil
	})
}

// kill ends the node at once.
func (n *node) kill() {
	n.t.Helper()
	killed := n.cmd.Process.Kill()
	var exit *exec.ExitError
	if ended := n.cmd.Wait(); killed != nil || !errors.As(ended, &exit) || exit.Exited() {
		n.t.Fatalf("the node ended by itself: %v, %v\n%s", killed, ended, n.log.Bytes())
	}
}

// await waits until something is so.
func (n *node) await(what string, is func() bool) {
	n.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("%s: not after two minutes", what)
		}
	}
}

func (n *node) get(path string) (string, error) {
	resp, err := http.Get("http://" + n.web + path)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", path, resp.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}

// serveOnce runs a node that is to end by itself.
func serveOnce(t *testing.T, flags ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), where.program, append([]string{"serve", "--data", t.TempDir() + "/data"}, flags...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
