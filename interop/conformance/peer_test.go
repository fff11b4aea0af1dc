package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// variable names the peer: host:port, several with commas between them.
const variable = "EVIDENT_CONFORMANCE_BROKERS"

// patience is how long a case may take.
const patience = time.Minute

// peer is who is held to the expectations. It is set once, before the cases.
var peer struct {
	addresses []string
	run       string // suffix of the names of this run
	brokers   int
}

var record = flag.Bool("record", false, "write the peer's answers into the scripts")

func TestMain(m *testing.M) {
	flag.Parse()
	if err := meet(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// meet finds the peer.
func meet() error {
	text := os.Getenv(variable)
	if text == "" {
		return fmt.Errorf("%s names nobody: set it to host:port, or run interop/conformance.sh", variable)
	}
	peer.addresses = strings.Split(text, ",")
	peer.run = strings.ToLower(rand.Text()[:8])
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(peer.addresses...))
	if err != nil {
		return err
	}
	defer client.Close()
	brokers, err := kadm.NewClient(client).ListBrokers(ctx)
	peer.brokers = len(brokers)
	return err
}

// replicas is the replication factor of topics: as many as a small cluster has.
func replicas() int16 { return int16(min(3, peer.brokers)) }

// name makes a name of this run.
func name(t *testing.T, what string) string {
	legal := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			return c
		}
		return '-'
	}, t.Name())
	return legal + "." + what + "." + peer.run
}

func newClient(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(peer.addresses...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func newAdmin(t *testing.T) *kadm.Client {
	t.Helper()
	return kadm.NewClient(newClient(t))
}

// within is the test's context, over after the patience.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// newTopic creates a topic, waits until all brokers know its leaders, and
// deletes it at the end of the test. Settings are key and value in turns.
func newTopic(t *testing.T, partitions int32, settings ...string) string {
	t.Helper()
	return newTopicNamed(t, name(t, "topic"), partitions, settings...)
}

func newTopicNamed(t *testing.T, topic string, partitions int32, settings ...string) string {
	t.Helper()
	configs := map[string]*string{}
	for i := 0; i+1 < len(settings); i += 2 {
		configs[settings[i]] = &settings[i+1]
	}
	admin := newAdmin(t)
	if _, err := admin.CreateTopic(within(t), partitions, replicas(), configs, topic); err != nil {
		t.Fatalf("create %s: %v", topic, err)
	}
	t.Cleanup(func() { deleteTopic(t, topic) })
	for p := range partitions {
		leader(t, topic, p)
	}
	return topic
}

// deleteTopic deletes a topic when its test is over, with a client of its own since
// the test's are closed by then.
func deleteTopic(t *testing.T, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	admin, err := kadm.NewOptClient(kgo.SeedBrokers(peer.addresses...))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.DeleteTopics(ctx, topic); err != nil {
		t.Errorf("delete %s: %v", topic, err)
	}
}

// eventually asks again until the answer is good, for what takes a cluster a
// moment. good returns an error that says what is wrong yet.
func eventually(t *testing.T, good func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := good()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %s: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var errNoLeader = errors.New("there is no leader yet")

// leader is the address of the leader of a partition, known to all brokers.
func leader(t *testing.T, topic string, partition int32) string {
	t.Helper()
	var address string
	eventually(t, func() error {
		for _, a := range peer.addresses {
			req := kmsg.NewPtrMetadataRequest()
			req.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
			resp := ask[*kmsg.MetadataResponse](t, a, req, 9)
			at, ok := leaderIn(resp, partition)
			if !ok {
				return errNoLeader
			}
			address = at
		}
		return nil
	})
	return address
}

func leaderIn(resp *kmsg.MetadataResponse, partition int32) (address string, ok bool) {
	if len(resp.Topics) != 1 {
		return "", false
	}
	for _, p := range resp.Topics[0].Partitions {
		if p.Partition != partition || p.ErrorCode != 0 {
			continue
		}
		for _, b := range resp.Brokers {
			if b.NodeID == p.Leader {
				return fmt.Sprintf("%s:%d", b.Host, b.Port), true
			}
		}
	}
	return "", false
}

// coordinator is the address of the coordinator of a group (kind 0), of a
// transactional id (1) or of a share group's partition (2).
func coordinator(t *testing.T, kind int8, key string) string {
	t.Helper()
	var address string
	eventually(t, func() error {
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.CoordinatorType, req.CoordinatorKeys = kind, []string{key}
		c := ask[*kmsg.FindCoordinatorResponse](t, peer.addresses[0], req, 4).Coordinators[0]
		address = fmt.Sprintf("%s:%d", c.Host, c.Port)
		return code(c.ErrorCode)
	})
	return address
}

// differs notes that the peer does something else than Kafka, on purpose of
// those who made it; docs/kafka-compatibility.md says so, too.
func differs(t *testing.T, reason string) {
	t.Helper()
	t.Logf("differs on purpose: %s", reason)
}
