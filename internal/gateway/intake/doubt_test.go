package intake

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/event"
)

// write writes one event and waits for what becomes of it.
func write(t *testing.T, in *Intake, id string) (Outcome, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	f, err := in.Submit(ctx, "orders", []event.Event{{ID: id, Source: "/s", Type: "t"}})
	if err != nil {
		return Outcome{}, err
	}
	all, err := f.Wait(ctx)
	if err != nil {
		return Outcome{}, err
	}
	return all[0], all[0].Err
}

func cluster(t *testing.T) (*kfake.Cluster, Config) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, Config{
		Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}, opts...)...)
		},
		Patience: 10 * time.Second,
	}
}

func start(t *testing.T, cfg Config) *Intake {
	t.Helper()
	in, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.Close)
	return in
}

// refuseProduce has the next requests to produce answered with an error, until the
// function that it returns is called.
func refuseProduce(c *kfake.Cluster, with *kerr.Error) (stop func()) {
	stopped := make(chan struct{})
	c.ControlKey(kmsg.Produce.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case <-stopped:
			return nil, nil, false
		default:
		}
		c.KeepControl()
		asked := req.(*kmsg.ProduceRequest)
		resp := asked.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range asked.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, with.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	return func() { close(stopped) }
}

// The cluster says that it does not know whether it has an event, and it does.
func TestAnEventWhoseWritingWasLeftOpenIsLookedForBeforeItIsWrittenAgain(t *testing.T) {
	c, cfg := cluster(t)
	in, other := start(t, cfg), start(t, cfg)
	if _, err := write(t, in, "before"); err != nil {
		t.Fatal(err)
	}
	stop := refuseProduce(c, kerr.UnknownServerError)
	if _, err := write(t, in, "open"); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("of an event that may be there: %v", err)
	}
	stop()
	first, err := write(t, other, "open") // as if it had been there
	if err != nil {
		t.Fatal(err)
	}
	again, err := write(t, in, "open")
	if err != nil || again != first {
		t.Errorf("sent again it is at %+v, %v; want %+v", again, err, first)
	}
}

func TestAnEventThatWasRefusedIsWrittenWhenItIsSentAgain(t *testing.T) {
	c, cfg := cluster(t)
	in := start(t, cfg)
	stop := refuseProduce(c, kerr.PolicyViolation)
	if _, err := write(t, in, "1"); !errors.Is(err, kerr.PolicyViolation) {
		t.Fatalf("%v", err)
	}
	stop()
	if o, err := write(t, in, "1"); err != nil || o.Offset != 0 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestATopicThatIsMadeAgainHasSeenNothing(t *testing.T) {
	_, cfg := cluster(t)
	in := start(t, cfg)
	if _, err := write(t, in, "1"); err != nil {
		t.Fatal(err)
	}
	s, err := in.describe(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	topic := in.topic("orders")
	old := *topic.state.Load()
	old.id[0]++ // as if it had been another one until now
	old.until = time.Time{}
	topic.state.Store(&old)
	if _, now, err := in.open(t.Context(), "orders"); err != nil || now.id != s.id || now.parts[0] == old.parts[0] {
		t.Errorf("it is taken for the old one: %v", err)
	}
}
