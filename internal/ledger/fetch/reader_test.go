package fetch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/ledger/source/sourcetest"
)

// Versions of Kafka whose Fetch lacks something.
var (
	withoutIDs      = kgo.MaxVersions(kversion.V3_0_0()) // version 12
	withoutSessions = kgo.MaxVersions(kversion.V1_0_0()) // version 6
)

func TestReader(t *testing.T) {
	sourcetest.Run(t, func(w *sourcetest.World) source.Reader { return NewReader(w.Client, sourcetest.Leader) })
}

func TestReaderOfOldBrokers(t *testing.T) {
	for name, old := range map[string]kgo.Opt{"topics have no ids": withoutIDs, "no sessions": withoutSessions} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(w *sourcetest.World) source.Reader {
				return NewReader(w.NewClient(old), sourcetest.Leader)
			}, sourcetest.SameName)
		})
	}
}

// A session that the broker has not, for whatever reason, is replaced by the next
// read, and nothing is missed.
func TestASessionThatIsLostIsReplaced(t *testing.T) {
	for name, lose := range map[string]func(*sourcetest.World, *Reader){
		"it is not known":     func(_ *sourcetest.World, r *Reader) { r.session.id++ },
		"another epoch":       func(_ *sourcetest.World, r *Reader) { r.session.epoch += 5 },
		"topics have no ids":  func(w *sourcetest.World, r *Reader) { r.client = w.NewClient(withoutIDs) },
		"the connection ends": func(w *sourcetest.World, r *Reader) { r.client.Close(); r.client = w.NewClient() },
	} {
		t.Run(name, func(t *testing.T) {
			w := sourcetest.NewWorld(t)
			id := w.Create("a", 2)
			r := NewReader(w.NewClient(), sourcetest.Leader)
			got := map[int32]int64{}
			read := func() { readOnce(t, r, got) }
			for p := range int32(2) {
				w.Append("a", p, "1")
				r.Want(source.Partition{Key: source.Key{ID: id, Number: p}, Topic: "a"}, 0)
			}
			for got[0] < 1 || got[1] < 1 {
				read()
			}
			if r.session.epoch == newSession {
				t.Fatal("there is no session")
			}
			before := r.session.id
			lose(w, r)
			w.Append("a", 1, "2")
			read()
			if r.session.epoch != newSession {
				t.Errorf("the session goes on with epoch %d", r.session.epoch)
			}
			for got[1] < 2 {
				read()
			}
			if r.session.id == before || r.session.epoch == newSession {
				t.Errorf("the session is %d, epoch %d, after %d", r.session.id, r.session.epoch, before)
			}
		})
	}
}

// A broker that does not even begin a session is not asked again at once.
func TestABrokerThatRefusesSessionsIsAnError(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		resp.ErrorCode = kerr.FetchSessionIDNotFound.Code
		return resp, nil, true
	})
	r := NewReader(client, 0)
	r.Want(source.Partition{Key: source.Key{ID: c.TopicInfo("a").TopicID}, Topic: "a"}, 0)
	r.session.id, r.session.epoch = 7, 3
	refuses := func(source.Answer) (int64, bool) { t.Error("it has an answer"); return 0, false }
	if err := r.Read(t.Context(), brief, refuses); err != nil {
		t.Errorf("a session that is lost: %v", err)
	}
	for range 2 {
		if err := r.Read(t.Context(), brief, refuses); !errors.Is(err, kerr.FetchSessionIDNotFound) {
			t.Errorf("a session that does not begin: %v", err)
		}
	}
}

// Brokers of old versions of Fetch know topics by their names, and would forget the
// topic that is there now.
func TestATopicOfTheSameNameIsNotForgottenWithTheOneBefore(t *testing.T) {
	w := sourcetest.NewWorld(t)
	r := NewReader(w.Client, sourcetest.Leader)
	was, now := source.Partition{Topic: "a"}, source.Partition{Topic: "a"}
	was.ID, now.ID = [16]byte{1}, [16]byte{2}
	r.Want(was, 0)
	r.session.id, r.session.epoch = 7, 3
	r.Forget(was.Key)
	if req := r.request(brief); req.SessionEpoch != 3 || len(req.ForgottenTopics) != 1 {
		t.Errorf("epoch %d, and %d topics are forgotten", req.SessionEpoch, len(req.ForgottenTopics))
	}
	r.Want(now, 0)
	req := r.request(brief)
	if req.SessionEpoch != newSession || len(req.ForgottenTopics) > 0 || len(req.Topics) != 1 || req.Topics[0].TopicID != now.ID {
		t.Errorf("epoch %d, %d topics are forgotten, and %+v wanted", req.SessionEpoch, len(req.ForgottenTopics), req.Topics)
	}
}

// readOnce reads once, and notes the offsets after what it got.
func readOnce(t *testing.T, r *Reader, got map[int32]int64) {
	t.Helper()
	err := r.Read(t.Context(), brief, func(a source.Answer) (int64, bool) {
		if a.Err != nil {
			t.Errorf("partition %d: %v", a.Number, a.Err)
		}
		if len(a.Batches) > 0 {
			got[a.Number] = a.HighWatermark
		}
		return got[a.Number], true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// With a session idle partitions are in no request and no answer.
func TestIdlePartitionsAreNotAskedFor(t *testing.T) {
	w := sourcetest.NewWorld(t)
	const many = 200
	id := w.Create("a", many)
	var size sizes
	r := NewReader(w.NewClient(kgo.WithHooks(&size)), sourcetest.Leader)
	for p := range int32(many) {
		r.Want(source.Partition{Key: source.Key{ID: id, Number: p}, Topic: "a"}, 0)
	}
	got := map[int32]int64{}
	readOnce(t, r, got)
	if asked, told := size.take(); asked < many*20 || told < many*20 {
		t.Errorf("the first request has %d bytes, its answer %d", asked, told)
	}
	for i := range 5 {
		p := int32(i * 7)
		if i > 0 {
			w.Append("a", p, fmt.Sprint(i))
		}
		for i > 0 && got[p] == 0 {
			readOnce(t, r, got)
		}
		readOnce(t, r, got)
		if asked, told := size.take(); asked > 1000 || told > 1000 {
			t.Errorf("with %d records in one partition, requests have %d bytes, answers %d", min(i, 1), asked, told)
		}
	}
}

// What is forgotten is in no answer, though records come.
func TestWhatIsForgottenIsNotSent(t *testing.T) {
	w := sourcetest.NewWorld(t)
	id := w.Create("a", 2)
	var size sizes
	r := NewReader(w.NewClient(kgo.WithHooks(&size)), sourcetest.Leader)
	key := func(p int32) source.Key { return source.Key{ID: id, Number: p} }
	got := map[int32]int64{}
	for p := range int32(2) {
		r.Want(source.Partition{Key: key(p), Topic: "a"}, 0)
		w.Append("a", p, "1")
	}
	for got[0] < 1 || got[1] < 1 {
		readOnce(t, r, got)
	}
	r.Forget(key(0))
	size.take()
	w.Append("a", 0, strings.Repeat("x", 100<<10))
	w.Append("a", 1, "2")
	for got[1] < 2 {
		readOnce(t, r, got)
	}
	if _, told := size.take(); told > 1000 {
		t.Errorf("the answers have %d bytes", told)
	}
}
