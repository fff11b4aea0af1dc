package witness

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/interop/evident"
	ours "github.com/evidentlog/evident/proof"
)

const origin = "example.com/events"

// A node runs on one folder and is started again and again.
type node struct {
	t   *testing.T
	web string
	*evident.Server
}

// up starts a node on a folder, with witnesses if a file says so.
func up(t *testing.T, data, policy string) *node {
	t.Helper()
	web := free(t)
	flags := []string{"--listen-http", web, "--ledger-origin", origin}
	if policy != "" {
		flags = append(flags, "--ledger-policy", policy)
	}
	s := &evident.Server{Config: evident.Config{Program: ourProgram(t), Data: data, Address: free(t), Flags: flags}}
	if err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := &node{t, "http://" + web, s}
	t.Cleanup(func() {
		if s.Signal(os.Kill) == nil {
			_ = s.Kill() // that it has ended is what is wanted
		}
	})
	return n
}

func (n *node) down() {
	n.t.Helper()
	if err := n.Kill(); err != nil {
		n.t.Fatal(err)
	}
}

// key is the root log's Ed25519 key.
func (n *node) key() string {
	n.t.Helper()
	_, keys, err := get(n.web + "/ledger/vkey")
	if err != nil {
		n.t.Fatal(err)
	}
	first, _, _ := strings.Cut(keys, "\n")
	return first
}

// produce produces records, a round of the ledger each.
func (n *node) produce(texts ...string) {
	n.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(n.Address), kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation())
	if err != nil {
		n.t.Fatal(err)
	}
	defer c.Close()
	for _, text := range texts {
		r, err := c.ProduceSync(n.t.Context(), kgo.StringRecord(text)).First()
		if err != nil {
			n.t.Fatal(err)
		}
		n.proof(r.Offset, "?unwitnessed=1")
	}
}

// proof gets the proof of a record, as soon as there is one.
func (n *node) proof(offset int64, query string) string {
	n.t.Helper()
	url := fmt.Sprintf("%s/v1/topics/orders/partitions/0/records/%d/proof%s", n.web, offset, query)
	status, body := 0, ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if status, body, err = get(url); err != nil {
			n.t.Fatal(err)
		}
		if status == http.StatusOK {
			return body
		}
	}
	n.t.Fatalf("no proof of offset %d: %d %s", offset, status, body)
	return ""
}

// witnessed is a node on a folder, and a witness that knows it.
func witnessed(t *testing.T, start func(t *testing.T, origin, key string) peer) (data, policy string) {
	t.Helper()
	dir := t.TempDir()
	data, policy = filepath.Join(dir, "data"), filepath.Join(dir, "policy")
	n := up(t, data, "")
	key := n.key()
	n.down()
	if err := os.WriteFile(policy, []byte(start(t, origin, key).policy(key)), 0o600); err != nil {
		t.Fatal(err)
	}
	return data, policy
}

// withEach tries something with each witness.
func withEach(t *testing.T, try func(t *testing.T, data, policy string)) {
	for name, start := range starts {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			data, policy := witnessed(t, start)
			try(t, data, policy)
		})
	}
}

func TestGrowthIsCosignedAndTorchwoodAgrees(t *testing.T) {
	withEach(t, func(t *testing.T, data, policy string) {
		text, err := os.ReadFile(policy)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := torchwood.ParsePolicy(text)
		if err != nil {
			t.Fatal(err)
		}
		own, err := ours.ParsePolicy(string(text))
		if err != nil {
			t.Fatal(err)
		}
		n := up(t, data, policy)
		for i := range int64(5) {
			n.produce(fmt.Sprint("order ", i))
			file := n.proof(i, "")
			head, _, _ := strings.Cut(file[strings.Index(file, "--- head\n")+len("--- head\n"):], "--- ")
			entry, err := torchwood.ProofExtraData([]byte(head))
			if err != nil {
				t.Fatal(err)
			}
			if err := torchwood.VerifyProof(theirs, tlog.RecordHash(entry), []byte(head)); err != nil {
				t.Errorf("offset %d: torchwood says %v", i, err)
			}
			f, err := ours.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := f.Verify(ours.Trust{Policy: own}); err != nil || len(r.Heads[0].Existed) != 1 {
				t.Errorf("offset %d: %+v, %v", i, r, err)
			}
		}
		n.down() // kill -9
		n = up(t, data, policy)
		n.produce("order 5")
		n.proof(5, "")
		n.down()
	})
}

// refused starts a node that must not start, and returns what it said.
func refused(t *testing.T, data, policy string) string {
	t.Helper()
	out, err := exec.Command(ourProgram(t), "serve", "--data", data, "--listen-kafka", "127.0.0.1:0", "--listen-http", "none",
		"--ledger-origin", origin, "--ledger-policy", policy).CombinedOutput()
	if err == nil {
		t.Fatalf("it ended well:\n%s", out)
	}
	return string(out)
}

func TestAFolderOfYesterdayIsRefused(t *testing.T) {
	withEach(t, func(t *testing.T, data, policy string) {
		n := up(t, data, policy)
		n.produce("yesterday")
		n.proof(0, "")
		n.down()
		copied := filepath.Join(t.TempDir(), "yesterday")
		if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		n = up(t, data, policy)
		n.produce("today", "also today")
		n.proof(2, "")
		n.down()
		if said := refused(t, copied, policy); !strings.Contains(said, "it has cosigned 3 entries, and the root log here has 1") {
			t.Errorf("the copy is refused so:\n%s", said)
		}

		// Gone on with, where the witness cannot see it, until it is the longer one.
		n = up(t, copied, "")
		n.produce("another today", "another day", "and another", "and one more")
		n.down()
		if said := refused(t, copied, policy); !strings.Contains(said, "does not accept that size 5 continues what it has seen at size 3") {
			t.Errorf("the fork is refused so:\n%s", said)
		}
		n = up(t, data, policy) // the right one goes on
		n.produce("tomorrow")
		n.proof(3, "")
		n.down()
	})
}

func TestOfTwoNodesWithOneKeyOneIsWitnessed(t *testing.T) {
	withEach(t, func(t *testing.T, data, policy string) {
		copied := filepath.Join(t.TempDir(), "copied")
		if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		first, second := up(t, data, policy), up(t, copied, policy)
		first.produce("here")
		first.proof(0, "")
		second.produce("there", "and there")
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			status, said, err := get(second.web + "/readyz")
			if err == nil && status == http.StatusServiceUnavailable && strings.Contains(said, "another history") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the second is ready: %d %s, %v", status, said, err)
			}
			_, _, _ = get(second.web + "/v1/topics/orders/partitions/0/records/0/proof") // wants the witness
		}
		if status, said, err := get(first.web + "/readyz"); err != nil || status != http.StatusOK {
			t.Errorf("the first is not ready: %d %s, %v", status, said, err)
		}
		first.down()
		second.down()
	})
}
