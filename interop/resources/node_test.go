package resources

import (
	"bytes"
	"encoding/json"
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
)

// A node is `evident serve` on the cluster. It keeps its address and its folder.
type node struct {
	t      *testing.T
	folder string
	token  string // the file's name
	web    string // host:port
	cmd    *exec.Cmd
	log    bytes.Buffer
}

func startNode(t *testing.T, token string) *node {
	t.Helper()
	if os.Getenv(programVariable) == "" || os.Getenv(clusterVariable) == "" {
		t.Fatalf("%s or %s is not set: run interop/resources.sh, which starts all that is needed", programVariable, clusterVariable)
	}
	web, err := evident.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, folder: t.TempDir(), token: token, web: web}
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
	n.cmd = exec.Command(os.Getenv(programVariable), "serve", "--data", n.folder, "--kafka", os.Getenv(clusterVariable),
		"--listen-http", n.web, "--http-token-file", n.token)
	n.cmd.Stderr = &n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	await(n.t, "the node answers", func() bool {
		status, _, err := n.ask(http.MethodGet, "/v1/resources", nil)
		return err == nil && status == http.StatusOK
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

// ask sends a request, and returns the answer. An error is one of the connection.
func (n *node) ask(method, path string, body any, header ...string) (status int, answer []byte, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(n.t.Context(), method, "http://"+n.web+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if method != http.MethodGet {
		token, err := os.ReadFile(n.token)
		if err != nil {
			return 0, nil, err
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, errors.Join(err, resp.Body.Close())
}

// read gets what must be there.
func (n *node) read(path string, v any) {
	n.t.Helper()
	status, text, err := n.ask(http.MethodGet, path, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%d %s", status, text)
	}
	if err = errors.Join(err, json.Unmarshal(text, v)); err != nil {
		n.t.Fatalf("%s: %v", path, err)
	}
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after two minutes", what)
		}
	}
}

func decode(text []byte, v any) error { return json.Unmarshal(text, v) }
