package shared

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// proof gets the proof file of a record from a node.
func (d *deployment) proof(n *node, partition, offset int) string {
	d.t.Helper()
	var file string
	path := fmt.Sprintf("/v1/topics/%s/partitions/%d/records/%d/proof", d.name, partition, offset)
	n.await("a proof of "+path, func() (made bool) {
		var err error
		file, err = n.get(path)
		if err != nil && !strings.Contains(err.Error(), "503") { // that asks to come again, when a head is signed
			d.t.Fatal(err)
		}
		return err == nil
	})
	return file
}

// verify has a proof file verified, with the keys of a node, and returns what is said.
func (d *deployment) verify(n *node, file string) string {
	d.t.Helper()
	keys, err := n.get("/ledger/vkey")
	if err != nil {
		d.t.Fatal(err)
	}
	dir := d.t.TempDir()
	proof, trusted := filepath.Join(dir, "proof"), filepath.Join(dir, "keys")
	for name, text := range map[string]string{proof: file, trusted: keys} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	out, err := d.run("verify", proof, "--vkey", trusted)
	if err != nil {
		d.t.Errorf("verify: %v\n%s", err, out)
	}
	return out
}

const cannotBeExcluded = "Omission before the ledger saw it cannot be excluded"

// alarmed tells whether a node has counted an alarm.
func (n *node) alarmed(alarm string) bool {
	n.t.Helper()
	text, err := n.get("/metrics")
	if err != nil {
		n.t.Fatal(err)
	}
	zero := fmt.Sprintf("evident_ledger_alarms_total{alarm=%q} 0\n", alarm)
	return strings.Contains(text, zero[:len(zero)-2]) && !strings.Contains(text, zero)
}

// anyAlarm tells whether either node has.
func (d *deployment) anyAlarm(alarm string) bool {
	return d.nodes[0].alarmed(alarm) || d.nodes[1].alarmed(alarm)
}

// A broker that lacks the newest records is elected while no other is there, which
// a topic may allow. What the ledger saw is gone from the log: in one partition
// others have come in its place before the ledger looks, in the other fewer.
func TestAnUncleanElectionEndsAGeneration(t *testing.T) {
	d := newDeployment(t, "unclean", 2, map[string]string{"unclean.leader.election.enable": "true", "min.insync.replicas": "1"}, 1, 2)
	a, b := d.nodes[0], d.nodes[1]
	state := t.TempDir()
	for p := range int32(2) {
		d.produce(p, 50, "on both brokers")
	}
	d.broker("kill", 2)
	for p := range int32(2) {
		d.produce(p, 40, "on one broker")
	}
	for _, n := range d.nodes {
		d.awaitTree(n, 0, 0, 90)
		d.awaitTree(n, 1, 0, 90)
	}
	before := d.proof(a, 0, 70)
	d.look(a, state)

	d.signal(syscall.SIGSTOP)
	d.broker("kill", 1)
	d.broker("resume", 2) // of three brokers two are a quorum again
	d.awaitLeader(2)
	d.produce(0, 60, "instead")
	d.produce(1, 20, "instead")
	d.signal(syscall.SIGCONT)
	for _, n := range d.nodes {
		d.awaitTree(n, 0, 1, 110)
		d.awaitTree(n, 1, 1, 70)
	}
	for _, alarm := range []string{"diverged", "truncated"} {
		if !d.anyAlarm(alarm) {
			t.Errorf("no node has the alarm %s", alarm)
		}
	}
	d.broker("resume", 1) // which takes over what the other has
	d.produce(0, 10, "with both brokers")
	d.awaitTree(a, 0, 1, 120)

	said := d.look(a, state)
	for _, reason := range []string{"diverged at 50", "truncated to 70"} {
		if !strings.Contains(said, reason) {
			t.Errorf("the monitor does not tell of %q:\n%s", reason, said)
		}
	}
	if out := d.verify(b, before); !strings.Contains(out, "on one broker 20") || !strings.Contains(out, cannotBeExcluded) {
		t.Errorf("a proof of what is gone:\n%s", out)
	}
	if out := d.verify(b, d.proof(b, 0, 70)); !strings.Contains(out, "instead 20") || !strings.Contains(out, cannotBeExcluded) {
		t.Errorf("a proof of what came instead:\n%s", out)
	}
	d.audit(a)
	d.audit(b)
}

// A ledger that is slower than the cluster's retention has leaves that say so.
func TestWhatRetentionRemovesBeforeTheLedgerReadsItIsLost(t *testing.T) {
	d := newDeployment(t, "retention", 1, map[string]string{"retention.ms": "1000", "file.delete.delay.ms": "100"}, 3)
	a := d.nodes[0]
	d.produce(0, 20, "seen")
	for _, n := range d.nodes {
		d.awaitTree(n, 0, 0, 20)
	}
	for _, n := range d.nodes {
		n.kill() // one that is only stopped may have an answer on its way
	}
	d.produce(0, 30, "never seen")
	a.await("the cluster has removed what nobody has seen", func() bool {
		starts, err := d.admin.ListStartOffsets(t.Context(), d.name)
		if err != nil {
			return false
		}
		start, _ := starts.Lookup(d.name, 0)
		return start.Offset >= 50
	})
	keep := "3600000"
	if _, err := d.admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "retention.ms", Value: &keep}}, d.name); err != nil {
		t.Fatal(err)
	}
	d.produce(0, 10, "kept")
	for _, n := range d.nodes {
		n.start()
	}
	for _, n := range d.nodes {
		d.awaitTree(n, 0, 0, 60)
	}
	if !d.anyAlarm("lost") {
		t.Error("no node has the alarm lost")
	}
	if out := d.verify(a, d.proof(a, 0, 55)); !strings.Contains(out, "kept 5") || !strings.Contains(out, cannotBeExcluded) {
		t.Errorf("a proof of what is kept:\n%s", out)
	}
	for _, n := range d.nodes {
		d.audit(n)
	}
}

// Of a record on somebody else's cluster only the salt can be destroyed: on all
// nodes and in the bucket. Whoever asks is told that the record is still there.
func TestAnErasureOnAClusterDestroysSaltsOnly(t *testing.T) {
	d := newDeployment(t, "erasure", 1, nil, 3)
	a, b := d.nodes[0], d.nodes[1]
	d.produce(0, 20, "record")
	for _, n := range d.nodes {
		d.awaitTree(n, 0, 0, 20)
	}
	before := d.proof(a, 0, 7)
	out, err := d.run("erase", "erasure/0@7", "--yes", "--url", "http://"+a.web, "--token-file", filepath.Join(a.data, "http-token"))
	if err == nil || !strings.Contains(out, "remain") || !strings.Contains(out, "the salts are destroyed") {
		t.Errorf("%v\n%s", err, out)
	}
	const path = "/v1/topics/erasure/partitions/0/records/7/proof"
	for _, n := range d.nodes {
		n.await("the proof is refused", func() bool {
			_, err := n.get(path)
			return err != nil && strings.Contains(err.Error(), "410")
		})
		if list, err := d.run("erase", "--list", "erasure/0", "--url", "http://"+n.web); err != nil || !strings.Contains(list, "\n7 ") {
			t.Errorf("%v\n%s", err, list)
		}
		d.verify(n, d.proof(n, 0, 8))
		d.audit(n)
	}
	if out := d.verify(b, before); !strings.Contains(out, "record 7") {
		t.Errorf("a proof from before:\n%s", out)
	}
}

// What one node has made provable alone is shared from its next start on.
func TestALedgerOfOneNodeMovesIntoTheBucket(t *testing.T) {
	d := newTopic(t, "move", 2, nil, 3)
	first := d.start("")
	d.produce(0, 200, "alone")
	d.produce(1, 20, "alone")
	d.awaitTree(first, 0, 0, 200)
	d.awaitTree(first, 1, 0, 20)
	before := d.proof(first, 0, 150)
	state := t.TempDir()
	d.look(first, state)
	first.kill()
	first.flags = append(first.flags, "--ledger-store", d.store)
	first.start()
	second := d.start(d.store)
	d.produce(0, 30, "shared")
	for _, n := range d.nodes {
		d.awaitTree(n, 0, 0, 230)
		d.awaitTree(n, 1, 0, 20)
		d.look(n, state) // one history
		d.audit(n)
	}
	if out := d.verify(second, before); !strings.Contains(out, "alone 150") {
		t.Errorf("a proof from before:\n%s", out)
	}
	d.verify(second, d.proof(second, 0, 150))
}

// Two nodes with one key, without the bucket that would make them agree, sign two
// histories: whoever looks at both finds out.
func TestAMonitorFindsASecondLedgerOfTheSameName(t *testing.T) {
	d := newTopic(t, "twice", 1, nil, 3)
	first := d.start("")
	second := d.start("") // with the key that the first has made
	state := t.TempDir()
	d.produce(0, 20, "record")
	for _, n := range d.nodes {
		d.awaitTree(n, 0, 0, 20)
	}
	d.look(first, state)
	d.produce(0, 20, "another record")
	d.awaitTree(second, 0, 0, 40)
	out, err := d.run("monitor", "http://"+second.web, "--once", "--state", state)
	if err == nil || !strings.Contains(out, `"type":"evident.monitor.fork"`) {
		t.Errorf("%v\n%s", err, out)
	}
}
