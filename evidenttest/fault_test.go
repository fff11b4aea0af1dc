package evidenttest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
)

// onceOnly are options of a producer that tries nothing again.
func onceOnly() []kgo.Opt {
	return []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.RequestRetries(0)}
}

func values(records []*kgo.Record) (all []string) {
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	return all
}

func wantValues(t *testing.T, n *evidenttest.Node, topic string, want ...string) {
	t.Helper()
	if got := values(n.Records(topic)); !slices.Equal(got, want) {
		t.Errorf("%s has %q, want %q", topic, got, want)
	}
}

func produceOne(t *testing.T, c *kgo.Client, value string) error {
	return c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte(value)}).FirstErr()
}

func TestALostRequestHasNoEffect(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(onceOnly()...)
		produce(t, c, "orders", "before")
		fault := n.Inject(evidenttest.RequestFault{
			Requests: []kmsg.Key{kmsg.Produce}, Topic: "orders", When: evidenttest.When{Times: 1}, Do: evidenttest.LoseRequest,
		})
		if err := produceOne(t, c, "lost"); err == nil {
			t.Error("a lost request was acknowledged")
		}
		produce(t, c, "orders", "after")
		wantValues(t, n, "orders", "before", "after")
		if fault.Hits() != 1 {
			t.Errorf("it hit %d times", fault.Hits())
		}
	})
}

func TestALostAnswerIsOfWhatTookEffect(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(onceOnly()...)
		produce(t, c, "orders", "before")
		n.Inject(evidenttest.RequestFault{
			Requests: []kmsg.Key{kmsg.Produce}, When: evidenttest.When{Times: 1}, Do: evidenttest.LoseAnswer,
		})
		if err := produceOne(t, c, "done"); err == nil {
			t.Error("a request whose answer is lost was acknowledged")
		}
		produce(t, c, "orders", "after")
		wantValues(t, n, "orders", "before", "done", "after")
	})
}

func TestAnIdempotentProducerWritesOnceThoughAnswersAreLost(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		fault := n.Inject(evidenttest.RequestFault{
			Requests: []kmsg.Key{kmsg.Produce}, When: evidenttest.When{Chance: 0.5}, Do: evidenttest.LoseAnswer,
		})
		c := n.Client(kgo.AllowAutoTopicCreation())
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprint(i))
		}
		produce(t, c, "orders", want...)
		wantValues(t, n, "orders", want...)
		if fault.Hits() == 0 {
			t.Error("no answer was lost")
		}
	})
}

func TestARequestThatIsThereTwiceHasItsRecordsTwice(t *testing.T) {
	for name, opts := range map[string][]kgo.Opt{"idempotent": nil, "not idempotent": {kgo.DisableIdempotentWrite()}} {
		t.Run(name, func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				c := n.Client(append(opts, kgo.AllowAutoTopicCreation())...)
				n.Inject(evidenttest.RequestFault{
					Requests: []kmsg.Key{kmsg.Produce}, Topic: "orders", When: evidenttest.When{Skip: 1, Times: 1}, Do: evidenttest.Twice,
				})
				produce(t, c, "orders", "a", "b", "c")
				wantValues(t, n, "orders", "a", "b", "b", "c")
			})
		})
	}
}

func TestDelaysAreByTheTestsClock(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   evidenttest.RequestFault
		arrives time.Duration // of the record, after it was sent
	}{
		"of the request": {evidenttest.RequestFault{Delay: time.Minute}, time.Minute},
		"of the answer":  {evidenttest.RequestFault{AnswerDelay: time.Minute}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				c := n.Client(kgo.AllowAutoTopicCreation(), kgo.ProduceRequestTimeout(time.Hour), kgo.ProducerLinger(0))
				produce(t, c, "orders", "first")
				tc.fault.Requests = []kmsg.Key{kmsg.Produce}
				n.Inject(tc.fault)
				began := time.Now()
				done := make(chan error, 1)
				go func() { done <- produceOne(t, c, "late") }()
				n.Await(evidenttest.Records("orders", 2))
				if after := time.Since(began); after.Round(time.Second) != tc.arrives {
					t.Errorf("the record was there after %v, want %v", after, tc.arrives)
				}
				if err := <-done; err != nil || time.Since(began).Round(time.Second) != time.Minute {
					t.Errorf("the answer came after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

func TestAClientThatIsHeldGoesOnWhenItIsLetGo(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(kgo.ClientID("frozen"), kgo.AllowAutoTopicCreation(), kgo.ProduceRequestTimeout(time.Hour))
		produce(t, c, "orders", "before")
		fault := n.Inject(evidenttest.RequestFault{Client: "frozen", Do: evidenttest.Hold})
		done := make(chan error, 1)
		go func() { done <- produceOne(t, c, "held") }()
		n.Await(evidenttest.Hit(fault, 1))
		n.Advance(time.Minute)
		produce(t, n.Client(), "orders", "of another")
		fault.Remove()
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantValues(t, n, "orders", "before", "of another", "held")
	})
}

// The session of a client that was killed has to end before another has its records.
func TestAKilledClientIsMissedBySession(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		makeTopic(t, n, "orders", 1, nil)
		got := make(chan string, 10)
		first := n.Process("first")
		consume(t, first.Client(append(member("billing", "orders"), kgo.SessionTimeout(30*time.Second))...), func(r *kgo.Record) { got <- "first " + string(r.Value) })
		produce(t, n.Client(), "orders", "a")
		n.Await(evidenttest.Consumed("billing"))
		began := time.Now()
		first.Kill()
		produce(t, n.Client(), "orders", "b")
		consume(t, n.Client(member("billing", "orders")...), func(r *kgo.Record) { got <- "second " + string(r.Value) })
		n.Await(evidenttest.Consumed("billing"))
		if passed := time.Since(began); passed < 25*time.Second || passed > 2*time.Minute {
			t.Errorf("the other had the partition after %v", passed)
		}
		if a, b := <-got, <-got; a != "first a" || b != "second b" {
			t.Errorf("consumed %q, %q", a, b)
		}
	})
}

func TestASeedGivesTheSameFaultsAgain(t *testing.T) {
	hits := func(seed uint64, others int) (hit string) {
		evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
			n.Inject(evidenttest.RequestFault{
				Requests: []kmsg.Key{kmsg.Produce}, When: evidenttest.When{Chance: 0.3}, Do: evidenttest.LoseAnswer,
			})
			c := n.Client(append(onceOnly(), kgo.ClientID("watched"))...)
			other := n.Client(kgo.AllowAutoTopicCreation(), kgo.ClientID("other"))
			for range 30 {
				if produceOne(t, c, "x") == nil {
					hit += "."
				} else {
					hit += "!"
				}
				for range others {
					produce(t, other, "elsewhere", "y")
				}
			}
		}, evidenttest.WithSeed(seed), evidenttest.WithoutLedger())
		return hit
	}
	first := hits(7, 0)
	if again := hits(7, 0); again != first {
		t.Errorf("%s, and the same seed again: %s", first, again)
	}
	if beside := hits(7, 2); beside != first {
		t.Errorf("%s, and beside another client: %s", first, beside)
	}
	if another := hits(8, 0); another == first {
		t.Errorf("seeds 7 and 8 both give %s", first)
	}
}
