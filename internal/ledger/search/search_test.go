package search

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/proof"
)

// wants checks what queries find, written as "orders/0@1 orders/0@2".
func (w *world) wants(queries map[string]string) {
	w.t.Helper()
	for query, want := range queries {
		if got, a := w.find(query); strings.Join(got, " ") != want || a.Next != "" {
			w.t.Errorf("%s: found %v, next %q; want %s", query, got, a.Next, want)
		}
	}
}

// Timestamps fall and rise, and lie on both sides of what is asked for by one.
func TestWhatIsFoundBeginsAndEndsWhereItShould(t *testing.T) {
	w := newWorld(t, 1)
	for i, at := range []int64{5000, 1000, 3000, 2999, 3001, 4000} {
		w.produce(cloudEvent(0, fmt.Sprint("k", i%2), fmt.Sprint("id", i), at))
	}
	w.wants(map[string]string{
		"id=id0":                                  "orders/0@0",
		"id=id5":                                  "orders/0@5",
		"key=k0":                                  "orders/0@0 orders/0@2 orders/0@4",
		"topic=orders&since=3000&until=4000":      "orders/0@2 orders/0@4",
		"topic=orders&since=3000":                 "orders/0@0 orders/0@2 orders/0@4 orders/0@5",
		"topic=orders&until=1000":                 "",
		"topic=orders&until=1001":                 "orders/0@1",
		"topic=orders&since=5001":                 "",
		"key=k1&since=2999&until=3000":            "orders/0@3",
		"key=k0&cursor=orders/0@4":                "orders/0@4",
		"key=k0&cursor=orders/0@5":                "",
		"key=k0&cursor=orders/1@0":                "",
		"topic=orders&since=1970-01-01T00:00:05Z": "orders/0@0",
	})
}

func TestKeysMayBeAnyBytes(t *testing.T) {
	w := newWorld(t, 1)
	keys := []string{"a\x00b", "a", "\xff\xfe", "", "\u00e9", "e\u0301"}
	for _, k := range keys {
		w.produce(cloudEvent(0, k, "x", 1))
	}
	w.produce(&kgo.Record{Value: []byte("no key")})
	for i, k := range keys {
		got, a := w.find("key=" + url.QueryEscape(k))
		if want := []string{fmt.Sprintf("orders/0@%d", i)}; !slices.Equal(got, want) {
			t.Fatalf("%q: found %v, want %v", k, got, want)
		}
		if r := a.Records[0]; k == "\xff\xfe" && (r.Key != nil || string(r.KeyB64) != k) || k != "\xff\xfe" && (r.Key == nil || *r.Key != k) {
			t.Errorf("%q is shown as %v, %q", k, r.Key, r.KeyB64)
		}
	}
}

// Page by page all is found once, in order, and the last page says that it is.
func TestACursorGoesOnWhereThePageEnds(t *testing.T) {
	w := newWorld(t, 3)
	w.create("payments", 1)
	var want []string
	for n := range 12 {
		w.produce(cloudEvent(int32(n%3), "k", "same", int64(n)))
	}
	for p := range 3 {
		for o := range 4 {
			want = append(want, fmt.Sprintf("orders/%d@%d", p, o))
		}
	}
	r := cloudEvent(0, "k", "same", 1)
	r.Topic = "payments"
	w.produce(r)
	want = append(want, "payments/0@0")
	w.wants(map[string]string{"id=same": strings.Join(want, " ")})
	for _, limit := range []int{1, 4, 5, 13} {
		if got := w.pages(fmt.Sprintf("id=same&limit=%d", limit), limit); !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", limit, got, want)
		}
	}
}

// pages goes on with cursors to the end.
func (w *world) pages(query string, most int) (all []string) {
	w.t.Helper()
	cursor := ""
	for range 100 {
		got, a := w.find(query + cursor)
		if len(got) > most {
			w.t.Fatalf("%s%s: %d records", query, cursor, len(got))
		}
		all = append(all, got...)
		if a.Next == "" {
			return all
		}
		cursor = "&cursor=" + a.Next
	}
	w.t.Fatalf("%s: no end", query)
	return nil
}

func TestASearchThatTakesTooMuchIsCutAndGoesOn(t *testing.T) {
	w := newWorld(t, 2)
	var want []string
	for n := range 10 {
		w.produce(cloudEvent(int32(n/5), "k", "same", int64(n)))
		want = append(want, fmt.Sprintf("orders/%d@%d", n/5, n%5))
	}
	for name, limits := range map[string]Limits{
		"3 records were read": {Reads: 3},
		"the answer has":      {Bytes: 400},
		"it took 1ns":         {Time: 1},
	} {
		limits.setDefaults()
		w.searcher.Limits = limits
		if got, a := w.find("id=same"); !strings.Contains(a.Cut, name) || a.Next == "" || len(got) == 0 || len(got) > 5 {
			t.Errorf("%s: %v, %+v", name, got, a)
		}
		if got := w.pages("id=same", 5); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestWhatWasErasedIsNotFound(t *testing.T) {
	w := newWorld(t, 1)
	for n := range 3 {
		w.produce(cloudEvent(0, "k", fmt.Sprint("id", n), 1))
	}
	w.wants(map[string]string{"key=k": "orders/0@0 orders/0@1 orders/0@2"})
	name := w.searcher.Index.Partitions("orders")[0].Name()
	tree := proof.Tree{Topic: "orders", TopicID: name.TopicID}
	await(t, func() bool { // until the ledger has a head of all
		_, err := w.ledger.Erase(t.Context(), tree, []proof.Range{{First: 1, Last: 1}}, "test")
		return err == nil
	})
	w.wants(map[string]string{"key=k": "orders/0@0 orders/0@2", "id=id1": ""}) // though index and log have it
}

func TestWhatTheLogHasRemovedIsNotFound(t *testing.T) {
	w := newWorld(t, 1)
	for n := range 40 {
		w.produce(cloudEvent(0, "k", fmt.Sprint("id", n), 1))
	}
	w.wants(map[string]string{"id=id0": "orders/0@0"})
	to := kadm.Offsets{}
	to.Add(kadm.Offset{Topic: "orders", At: 38})
	if _, err := w.admin.DeleteRecords(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	w.wants(map[string]string{"key=k": "orders/0@38 orders/0@39", "id=id0": ""})
}

func TestAbortedRecordsAreNotFound(t *testing.T) {
	w := newWorld(t, 1)
	c := w.newClient(kgo.TransactionalID("payments"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for n, how := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := c.ProduceSync(t.Context(), cloudEvent(0, "k", fmt.Sprint("id", n), 1)).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := c.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
		w.produce(cloudEvent(0, "k", fmt.Sprint("plain", n), 1))
	}
	w.wants(map[string]string{
		"key=k":     "orders/0@0 orders/0@2 orders/0@5 orders/0@6 orders/0@8",
		"id=id1":    "",
		"id=plain1": "orders/0@5",
	})
}

func TestATopicThatWasMadeAgainIsSearchedAlone(t *testing.T) {
	w := newWorld(t, 1)
	for n := range 5 {
		w.produce(cloudEvent(0, "k", fmt.Sprint("old", n), 1))
	}
	w.wants(map[string]string{"id=old4": "orders/0@4"})
	if _, err := w.admin.DeleteTopic(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	w.create("orders", 1)
	w.client.PurgeTopicsFromClient("orders")
	w.produce(cloudEvent(0, "k", "new", 1))
	w.wants(map[string]string{"key=k": "orders/0@0", "id=new": "orders/0@0", "id=old0": ""})
}

// The records are those of the new generation's tree, too: they are found once.
func TestAClosedGenerationIsNotSearched(t *testing.T) {
	w := newWorld(t, 1)
	for n := range 5 {
		w.produce(cloudEvent(0, "k", fmt.Sprint("id", n), 1))
	}
	w.wants(map[string]string{"key=k": "orders/0@0 orders/0@1 orders/0@2 orders/0@3 orders/0@4"})
	name := w.searcher.Index.Partitions("orders")[0].Name()
	tree, err := w.ledger.Open(proof.Tree{Topic: "orders", TopicID: name.TopicID})
	if err != nil {
		t.Fatal(err)
	}
	tree.Close("test")
	await(t, func() bool {
		list := w.searcher.Index.Partitions("orders")
		return len(list) == 1 && list[0].Name().Generation == 1
	})
	w.wants(map[string]string{"key=k": "orders/0@0 orders/0@1 orders/0@2 orders/0@3 orders/0@4"})
}

func await(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !what(); time.Sleep(waitStep) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

// A new leader that does not know yet how far its log can be read has nothing to
// show: that is not to be taken for an empty log.
func TestALeaderIsBelievedWhenItKnowsItsLog(t *testing.T) {
	w := newWorld(t, 1)
	p, err := w.searcher.Index.Partition(index.Name{Topic: "t", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := believe(p, 0, 9); !errors.Is(err, errUnsettled) || p.Next() != 0 {
		t.Errorf("got %v; the index reaches %d", err, p.Next())
	}
	if err := believe(p, 0, 10); err != nil || p.Next() != 10 {
		t.Errorf("got %v; the index reaches %d", err, p.Next())
	}
}
