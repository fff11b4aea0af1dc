package resource

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// again makes the topic anew, with nothing in it.
func (w *world) again() {
	w.t.Helper()
	if w.cluster.TopicInfo(Topic) != nil {
		if err := w.cluster.DeleteTopic(Topic); err != nil {
			w.t.Fatal(err)
		}
	}
	values := map[string]string{}
	for key, value := range settings() {
		values[key] = *value
	}
	if err := w.cluster.CreateTopic(Topic, 1, values); err != nil {
		w.t.Fatal(err)
	}
}

// write writes things to the topic, each in a transaction of its own, an hour apart.
func (w *world) write(all ...*Resource) {
	w.t.Helper()
	client, err := w.client(kgo.TransactionalID("somebody"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	for i, r := range all {
		at := time.Now().Add(time.Duration(i-len(all)) * time.Hour)
		rec, err := stamp{"/test", "me", "r", at}.record(0, &Change{Key: r.Key(), After: r})
		if err != nil {
			w.t.Fatal(err)
		}
		rec.Timestamp = at
		if err := client.BeginTransaction(); err != nil {
			w.t.Fatal(err)
		}
		if err := client.ProduceSync(w.t.Context(), rec).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
		if err := client.EndTransaction(w.t.Context(), kgo.TryCommit); err != nil {
			w.t.Fatal(err)
		}
	}
}

func names(s *State) []string {
	var all []string
	for _, v := range s.List("") {
		all = append(all, v.Key.Name)
	}
	return all
}

// reads waits until just these are declared.
func reads(t *testing.T, s *Service, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if have, err := s.await(ctx, func(have *State) bool { return slices.Equal(names(have), want) }); err != nil {
		t.Fatalf("declared is %v, not %v", names(have), want)
	}
}

// Of a log that was cut back, the part that is left stays declared, and at no moment
// less. The cluster is one that fetches by name.
func TestALogThatWasCutBackIsReadFromItsBeginning(t *testing.T) {
	w := newWorld(t)
	w.again()
	w.write(thing(t, "a", 1), thing(t, "b", 1), thing(t, "c", 1))
	s, _ := w.nodeNamed(newOutside(), "node", kgo.MaxVersions(kversion.V2_7_0()), kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1))
	reads(t, s, "a", "b", "c")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var watching sync.WaitGroup
	watching.Go(func() {
		state := s.State()
		for {
			if n := len(names(state)); n < 2 {
				t.Errorf("meanwhile declared was %v", names(state))
			}
			var err error
			if state, err = s.Next(ctx, state); err != nil {
				return
			}
		}
	})
	w.again()
	w.write(thing(t, "a", 1), thing(t, "b", 1)) // as it was, without its end
	reads(t, s, "a", "b")
	granted(t, s, Wish{Apply: []*Resource{thing(t, "d", 1)}})
	reads(t, s, "a", "b", "d")
	cancel()
	watching.Wait()
}

// A topic of the same name is another log: nobody answers from the one before, who
// writes as little as who reads.
func TestATopicThatIsMadeAgainIsReadFromItsBeginning(t *testing.T) {
	w := newWorld(t)
	s, _ := w.node(newOutside())
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1), thing(t, "b", 1)}})
	granted(t, s, Wish{Apply: []*Resource{thing(t, "c", 1)}})
	other, _ := w.node(newOutside())
	reads(t, other, "a", "b", "c")

	w.again()
	for { // by whose turn it is
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		base, err := s.Writer(short)
		cancel()
		writer := s
		if err == nil && base != "" {
			writer = other
		}
		a, err := writer.Do(t.Context(), Request{Wish: Wish{Apply: []*Resource{thing(t, "d", 1)}}})
		if err != nil {
			continue
		}
		if got := names(writer.State()); !slices.Equal(got, []string{"d"}) || a.Revision > 2 {
			t.Errorf("granted at revision %d, when declared was %v", a.Revision, got)
		}
		break
	}
	reads(t, s, "d")
	reads(t, other, "d")
}

// Some errors of the cluster, and a step back, say that the log goes on otherwise than it
// was read; with others nothing is lost.
func TestWhatSaysThatALogIsAnotherIsKnown(t *testing.T) {
	s := New(Config{Logger: slog.New(slog.DiscardHandler)})
	ended, cancel := context.WithCancel(t.Context())
	cancel() // nobody rests
	for err, want := range map[error]bool{
		&kgo.ErrDataLoss{Topic: Topic, ConsumedTo: 6, ResetTo: 4}: true,
		kerr.OffsetOutOfRange: true, kerr.UnknownTopicID: true,
		kerr.NotLeaderForPartition: false, kerr.TopicAuthorizationFailed: false,
	} {
		if got := s.faults(ended, kgo.NewErrFetch(err)); errors.Is(got, errOtherLog) != want {
			t.Errorf("%v is taken for %v", err, got)
		}
	}
	r := newReader(s, log{start: 4, end: 6}, func() {})
	if err := r.take(&kgo.Record{Offset: 3}); !errors.Is(err, errOtherLog) {
		t.Errorf("a step back is taken for %v", err)
	}
	s.mu.state = newState(topicID{1}, 6)
	if err := written(s.State(), []Change{{Action: Create, Key: Key{"Thing", "a"}, After: thing(t, "a", 1), Revision: 4}}); !errors.Is(err, errOtherLog) {
		t.Errorf("what is not there is taken for %v", err)
	}
}
