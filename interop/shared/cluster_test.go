package shared

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A deployment is two nodes that share a ledger of their own, on a topic of
// their own.
type deployment struct {
	t      *testing.T
	name   string // of the ledger and the topic
	keys   string // file
	store  string
	nodes  []*node
	client *kgo.Client
	admin  *kadm.Client
}

// newDeployment is newTopic with two nodes.
func newDeployment(t *testing.T, name string, partitions int, configs map[string]string, brokers ...int32) *deployment {
	t.Helper()
	d := newTopic(t, name, partitions, configs, brokers...)
	for range 2 {
		d.start(d.store)
	}
	return d
}

// newTopic makes a topic, whose partitions have replicas on brokers, the first of
// which leads.
func newTopic(t *testing.T, name string, partitions int, configs map[string]string, brokers ...int32) *deployment {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(where.brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d := &deployment{t: t, name: name, client: client, admin: kadm.NewClient(client)}
	d.create(partitions, configs, brokers)
	place, err := url.Parse(where.store)
	if err != nil {
		t.Fatal(err)
	}
	place.Path += "-" + name
	d.keys, d.store = filepath.Join(t.TempDir(), "ledger.keys"), place.String()
	return d
}

// start starts a node, alone if there is no store.
func (d *deployment) start(store string) *node {
	d.t.Helper()
	n := newNode(d.t, d.keys, store, "--ledger-origin", "example.com/"+d.name)
	d.nodes = append(d.nodes, n)
	return n
}

func (d *deployment) create(partitions int, configs map[string]string, brokers []int32) {
	d.t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = d.name, -1, -1
	for p := range partitions {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(p), brokers
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, a)
	}
	for name, value := range configs {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, &value
		topic.Configs = append(topic.Configs, c)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(d.t.Context(), d.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if _, err := d.admin.DeleteTopic(context.WithoutCancel(d.t.Context()), d.name); err != nil {
			d.t.Error(err) // the next store's test makes it anew
		}
	})
}

// produce adds records to a partition: one batch for each, so that a log is cut
// between them.
func (d *deployment) produce(partition int32, count int, what string) {
	d.t.Helper()
	for i := range count {
		r := &kgo.Record{Topic: d.name, Partition: partition, Value: fmt.Appendf(nil, "%s %d", what, i)}
		if err := d.client.ProduceSync(d.t.Context(), r).FirstErr(); err != nil {
			d.t.Fatalf("%s %d: %v", what, i, err)
		}
	}
}

// awaitTree waits until a node serves the head of a generation with so many leaves.
func (d *deployment) awaitTree(n *node, partition, generation int, size int64) {
	d.t.Helper()
	want := fmt.Sprintf("/%d/%d\n%d\n", partition, generation, size)
	n.await(fmt.Sprintf("partition %d has generation %d with %d leaves", partition, generation, size), func() bool {
		text, err := n.get(fmt.Sprintf("/ledger/topics/%s/%d/checkpoint", d.name, partition))
		return err == nil && strings.Contains(text, want)
	})
}

// signal stops nodes, or lets them go on.
func (d *deployment) signal(sig syscall.Signal) {
	d.t.Helper()
	for _, n := range d.nodes {
		if err := n.cmd.Process.Signal(sig); err != nil {
			d.t.Fatal(err)
		}
	}
}

// broker kills or resumes a broker.
func (d *deployment) broker(what string, id int) {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), where.script, what, "--dir", where.folder, "--node", strconv.Itoa(id)).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s broker %d: %v\n%s", what, id, err, out)
	}
}

// awaitLeader waits until a broker leads the partitions of the topic.
func (d *deployment) awaitLeader(id int32) {
	d.t.Helper()
	d.nodes[0].await(fmt.Sprintf("broker %d leads", id), func() bool {
		m, err := d.admin.Metadata(d.t.Context(), d.name)
		if err != nil {
			return false
		}
		for _, p := range m.Topics[d.name].Partitions.Sorted() {
			if p.Leader != id || p.Err != nil {
				return false
			}
		}
		return true
	})
}

// run runs a command of the program and returns what it says.
func (d *deployment) run(args ...string) (string, error) {
	d.t.Helper()
	out, err := exec.CommandContext(d.t.Context(), where.program, args...).CombinedOutput()
	return string(out), err
}

// audit has everything read again, with a node's answers.
func (d *deployment) audit(n *node) {
	d.t.Helper()
	out, err := d.run("ledger", "audit", "http://"+n.web, "--topic", d.name, "--brokers", where.brokers, "--state", d.t.TempDir())
	if err != nil {
		d.t.Errorf("audit with %s: %v\n%s", n.web, err, out)
	}
}

// look lets a monitor look at a node once more, and returns what it says.
func (d *deployment) look(n *node, state string) string {
	d.t.Helper()
	out, err := d.run("monitor", "http://"+n.web, "--once", "--state", state)
	if err != nil {
		d.t.Errorf("monitor of %s: %v\n%s", n.web, err, out)
	}
	return out
}
