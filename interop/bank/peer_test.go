package bank

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/interop/evident"
)

// variable names another peer than Evident: host:port, several with commas
// between them. Its consumer groups must have the pace of the flags below.
const variable = "EVIDENT_CONFORMANCE_BROKERS"

// pace makes sessions of consumer groups short enough to wait for their end.
var pace = []string{
	"--group-initial-rebalance-delay", "0s",
	"--group-consumer-session-timeout", "1s", "--group-consumer-heartbeat-interval", "100ms",
}

// peer is the broker that faults are set against.
type peer struct {
	t         *testing.T
	addresses []string
	server    *evident.Server // nil if it is another peer
	admin     *kadm.Client

	topic   string // with one partition
	topicID [16]byte
}

// meet finds the peer that the environment names, or starts Evident on a folder,
// "" for one that is removed afterwards.
func meet(t *testing.T, data string) *peer {
	t.Helper()
	p := &peer{t: t, addresses: strings.Split(os.Getenv(variable), ",")}
	if p.addresses[0] == "" {
		p.server = evident.ForTest(t, evident.Config{Program: *prebuilt, Data: data, Flags: pace})
		p.addresses = []string{p.server.Address}
	}
	return p
}

// newPeer meets the peer and creates a topic.
func newPeer(t *testing.T) *peer {
	t.Helper()
	p := meet(t, "")
	var err error
	if p.admin, err = kadm.NewOptClient(kgo.SeedBrokers(p.addresses...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.admin.Close)
	created, err := p.admin.CreateTopic(t.Context(), 1, 1, nil, p.name("topic"))
	if err != nil {
		t.Fatal(err)
	}
	p.topic, p.topicID = created.Topic, created.ID
	return p
}

// name makes a name that nobody else has.
func (p *peer) name(what string) string {
	return what + "-" + strings.ToLower(rand.Text()[:8])
}

// producer is the role of a transactional producer.
func (p *peer) producer(id string, timeout time.Duration, old bool) role {
	return role{Brokers: p.addresses, Topic: p.topic, TransactionalID: id, TransactionTimeout: timeout, Old: old}
}

// member is the role of a member of a group of its own.
func (p *peer) member(consumer bool) role {
	return role{Brokers: p.addresses, Topic: p.topic, TopicID: p.topicID, Group: p.name("group"), Consumer: consumer}
}

// wantCommitted waits until no transaction is open and compares what readers of
// committed records see.
func (p *peer) wantCommitted(want ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	got, err := p.committed(ctx, p.settled())
	if err != nil {
		p.t.Fatal(err)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		p.t.Errorf("committed are %q, want %q", got, want)
	}
}

// settled waits until no transaction is open, and tells where the log ends.
func (p *peer) settled() int64 {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		stable, err := p.admin.ListCommittedOffsets(ctx, p.topic)
		if err != nil {
			p.t.Fatal(err)
		}
		all, err := p.admin.ListEndOffsets(ctx, p.topic)
		if err != nil {
			p.t.Fatal(err)
		}
		s, _ := stable.Lookup(p.topic, 0)
		e, _ := all.Lookup(p.topic, 0)
		if s.Err == nil && e.Err == nil && s.Offset == e.Offset {
			return e.Offset
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("a transaction stays open: stable up to %d, the log ends at %d", s.Offset, e.Offset)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// committed reads up to end. The last record is a marker.
func (p *peer) committed(ctx context.Context, end int64) (values []string, err error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(p.addresses...), kgo.ConsumeTopics(p.topic), kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	for next := int64(0); next < end; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				values = append(values, string(r.Value))
			}
		})
	}
	return values, nil
}

// wantOffset compares what the group has committed, when no transaction is open.
func (p *peer) wantOffset(group string, want int64) {
	p.t.Helper()
	p.settled()
	offsets, err := p.admin.FetchOffsets(p.t.Context(), group)
	if err != nil {
		p.t.Fatal(err)
	}
	if got, _ := offsets.Lookup(p.topic, 0); got.At != want {
		p.t.Errorf("the group has committed offset %d, want %d", got.At, want)
	}
}
