package witness

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/evidentlog/evident/interop/evident"
)

var (
	program     = flag.String("program", "", "the program to run instead of building it")
	litewitness = flag.String("litewitness", "", "the litewitness to run instead of building it")
)

// built is what was built for all tests.
var built struct {
	sync.Mutex
	dir string
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a temporary folder
	}
	os.Exit(code)
}

// builds returns what *name names, or makes it once.
func builds(t *testing.T, name *string, make func(dir string) (string, error)) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	var err error
	if built.dir == "" {
		if built.dir, err = os.MkdirTemp("", "evident-witness"); err != nil {
			t.Fatal(err)
		}
	}
	if *name == "" {
		if *name, err = make(built.dir); err != nil {
			t.Fatal(err)
		}
	}
	return *name
}

func ourProgram(t *testing.T) string {
	return builds(t, program, func(dir string) (string, error) { return evident.Build(context.Background(), dir) })
}

func litewitnessProgram(t *testing.T) string {
	return builds(t, litewitness, func(dir string) (string, error) {
		file := filepath.Join(dir, "litewitness")
		out, err := exec.Command("go", "-C", "litewitness", "build", "-o", file, "filippo.io/torchwood/cmd/litewitness").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build litewitness: %w\n%s", err, out)
		}
		return file, nil
	})
}

// A peer is a witness that runs.
type peer struct{ vkey, url string }

// policy needs the cosignature of the witness, and knows the log.
func (p peer) policy(logKey string) string {
	return fmt.Sprintf("log %s\nwitness w %s %s\nquorum w\n", logKey, p.vkey, p.url)
}

// starts are the witnesses that everything is tried with.
var starts = map[string]func(t *testing.T, origin, key string) peer{
	"litewitness":     startLitewitness,
	"evident witness": startOurs,
}

// run runs a program until the test ends and returns the first line of its
// output that has a word.
func run(t *testing.T, word, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close() // it is the program's now
	found := make(chan string, 1)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), word) && len(found) == 0 {
				found <- lines.Text()
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		<-drained
	})
	select {
	case line := <-found:
		return line
	case <-drained:
		t.Fatalf("%s ended without saying %q", name, word)
	case <-time.After(30 * time.Second):
		t.Fatalf("%s does not say %q", name, word)
	}
	return ""
}

func startOurs(t *testing.T, _, key string) peer {
	t.Helper()
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.WriteFile(logs, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := free(t)
	line := run(t, "key ", ourProgram(t), "witness", "--name", "witness.example/ours", "--logs", logs, "--data", filepath.Join(dir, "data"), "--listen", address)
	await(t, address)
	return peer{strings.Fields(line)[1], "http://" + address}
}

// startLitewitness runs litewitness with a key in an SSH agent, as it wants it,
// and one log in its database, put there as its witnessctl does.
func startLitewitness(t *testing.T, origin, key string) peer {
	t.Helper()
	dir, err := os.MkdirTemp("", "lw") // the name of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, db := filepath.Join(dir, "agent"), filepath.Join(dir, "db")
	fingerprint := startAgent(t, socket)
	addLog(t, db, origin, key)
	address := free(t)
	line := run(t, "vkey=", litewitnessProgram(t), "-name", "witness.example/lite", "-db", db, "-ssh-agent", socket, "-key", fingerprint, "-listen", address)
	await(t, address)
	_, vkey, _ := strings.Cut(line, "vkey=")
	return peer{strings.Trim(strings.Fields(vkey)[0], `"`), "http://" + address}
}

// startAgent serves an SSH agent with a new key and returns the key's fingerprint.
func startAgent(t *testing.T, socket string) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { _ = agent.ServeAgent(keys, conn) }) // until the peer is gone
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(public)
}

// addLog makes litewitness's database with one log that it has not seen yet.
func addLog(t *testing.T, db, origin, key string) {
	t.Helper()
	script := fmt.Sprintf(`CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
		CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));
		INSERT INTO log VALUES ('%[1]s', 0, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
		INSERT INTO key VALUES ('%[1]s', '%s');`, origin, key)
	if out, err := exec.Command("sqlite3", db, script).CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
}

func free(t *testing.T) string {
	t.Helper()
	address, err := evident.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// await waits until somebody listens.
func await(t *testing.T, address string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close() // nobody talked
			return
		}
	}
	t.Fatalf("nobody listens on %s", address)
}

// get asks until there is an answer.
func get(url string) (status int, body string, err error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	var text strings.Builder
	_, err = bufio.NewReader(resp.Body).WriteTo(&text)
	return resp.StatusCode, text.String(), errors.Join(err, resp.Body.Close())
}
