package search

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/proof"
)

// get asks for a search by HTTP.
func (w *world) get(query string) (*http.Response, string) {
	rec := httptest.NewRecorder()
	w.searcher.ServeSearch(rec, httptest.NewRequest(http.MethodGet, "/v1/search?"+query, nil))
	return rec.Result(), rec.Body.String()
}

func TestABusyNodeSaysWhenToComeAgain(t *testing.T) {
	w := newWorld(t, 1)
	w.produce(cloudEvent(0, "k", "id0", 1))
	w.wants(map[string]string{"id=id0": "orders/0@0"})
	for range cap(w.searcher.searches) {
		if err := w.searcher.searches.take("searches"); err != nil {
			t.Fatal(err)
		}
	}
	if r, body := w.get("id=id0"); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "1" || !strings.Contains(body, "8 searches are under way") {
		t.Errorf("%s %v: %s", r.Status, r.Header, body)
	}
	w.searcher.searches.free()
	for range 3 * cap(w.searcher.searches) { // what is over gives its slot back
		w.wants(map[string]string{"id=id0": "orders/0@0"})
	}
	for range cap(w.searcher.proving) {
		if err := w.searcher.proving.take("proofs"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.searcher.Prove(t.Context(), Query{ID: []byte("id0")}, noProver); !errors.Is(err, ErrBusy) {
		t.Errorf("a proof: %v", err)
	}
}

func noProver(context.Context, string, ...ledger.Opened) (*proof.File, error) {
	return &proof.File{}, nil
}

// A node of several answers with what it has, and names what others have. A bundle
// has all, or is none.
func TestWhatOtherNodesHaveIsNamed(t *testing.T) {
	w := newWorld(t, 3)
	for p := range int32(3) {
		w.produce(cloudEvent(p, "k", "id0", 1))
	}
	w.wants(map[string]string{"id=id0": "orders/0@0 orders/1@0 orders/2@0"})
	for _, p := range w.searcher.Index.Partitions("orders")[1:] {
		p.Drop()
	}
	w.searcher.Here = func(_ string, partition int32) bool { return partition == 0 }
	r, body := w.get("id=id0")
	var a Answer
	if err := json.Unmarshal([]byte(body), &a); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s %s %v", r.Status, body, err)
	}
	if len(a.Records) != 1 || len(a.Behind) > 0 || !strings.Contains(body, `"elsewhere":[{"topic":"orders","partitions":[1,2]}]`) {
		t.Errorf("%s", body)
	}
	if _, err := w.searcher.Prove(t.Context(), Query{ID: []byte("id0")}, noProver); !errors.Is(err, ErrElsewhere) || status(err) != http.StatusServiceUnavailable {
		t.Errorf("a proof: %v", err)
	}
}

// A look at thousands of partitions costs milliseconds: many searches that wait
// for one of them must not look all the time.
func TestASearchThatWaitsLooksSeldom(t *testing.T) {
	w := newWorld(t, 1)
	w.produce(cloudEvent(0, "k", "id0", 1))
	w.wants(map[string]string{"id=id0": "orders/0@0"})
	w.searcher.Index.Partitions("orders")[0].Drop()
	var looks atomic.Int32
	w.searcher.Here = func(string, int32) bool { looks.Add(1); return true }
	if _, body := w.get("id=id0"); !strings.Contains(body, `"behind":[{"topic":"orders"`) {
		t.Errorf("it is there: %s", body)
	}
	if most := int32(2 * patience / waitMost); looks.Load() > most {
		t.Errorf("it looked %d times in %v", looks.Load(), patience)
	}
}

// A partition whose end nobody tells may have more than the index: an answer that
// passed over it would look whole.
func TestAPartitionWhoseEndIsUnknownFailsTheSearch(t *testing.T) {
	w := newWorld(t, 2)
	w.produce(cloudEvent(0, "k", "id0", 1))
	w.wants(map[string]string{"id=id0": "orders/0@0"})
	var code atomic.Int32
	w.cluster.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		req := r.(*kmsg.ListOffsetsRequest)
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range req.Topics {
			answer := kmsg.NewListOffsetsResponseTopic()
			answer.Topic = topic.Topic
			for _, asked := range topic.Partitions {
				p := kmsg.NewListOffsetsResponseTopicPartition()
				if p.Partition = asked.Partition; p.Partition == 0 {
					p.Offset = 1
				} else {
					p.ErrorCode = int16(code.Load())
				}
				answer.Partitions = append(answer.Partitions, p)
			}
			resp.Topics = append(resp.Topics, answer)
		}
		return resp, nil, true
	})
	code.Store(int32(kerr.TopicAuthorizationFailed.Code))
	if r, body := w.get("id=id0"); r.StatusCode != http.StatusInternalServerError || !strings.Contains(body, "the end of orders/1: TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("%s %s", r.Status, body)
	}
	code.Store(int32(kerr.UnknownTopicOrPartition.Code)) // deleted meanwhile
	if r, body := w.get("id=id0"); r.StatusCode != http.StatusOK || !strings.Contains(body, `"offset":0`) {
		t.Errorf("%s %s", r.Status, body)
	}
}

func TestWhatIsAskedForWronglyIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	w.create("__internal", 1)
	for query, want := range map[string]string{
		"id=%zz":                "400 Bad Request",
		"id=1&topic=odrers":     `404 Not Found there is no such topic: "odrers"`,
		"id=1&topic=a%20b":      `404 Not Found there is no such topic: "a b"`,
		"id=1&topic=__internal": "404 Not Found there is no index of this topic",
		"id=1&topic=orders":     `200 OK {"records":[]}`, // of a topic without records
	} {
		r, body := w.get(query)
		if got := r.Status + " " + body; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Retry-After") != "" {
			t.Errorf("%s: %v", query, r.Header)
		}
	}
}

func TestSearchesAreCountedByWhatTheyCameTo(t *testing.T) {
	w := newWorld(t, 1)
	w.produce(cloudEvent(0, "k", "id0", 1), cloudEvent(0, "k", "id1", 2))
	w.wants(map[string]string{"id=id0": "orders/0@0"})
	reg := prometheus.NewRegistry()
	cfg := w.searcher.Config
	cfg.Metrics, cfg.Limits.Reads = reg, 1
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []Query{{ID: []byte("id0")}, {ID: []byte("nobody")}, {Key: []byte("k")}, {ID: []byte("id0"), Topic: "odrers"}} {
		q.Until = 1 << 60
		_, _ = s.Find(t.Context(), q)
	}
	for _, result := range []string{resultFound, resultNone, resultCut, resultRefused} {
		if n := testutil.ToFloat64(s.metrics.searches.WithLabelValues(result)); n != 1 {
			t.Errorf("%s: %v", result, n)
		}
	}
	if n := testutil.ToFloat64(s.metrics.reads); n != 2 {
		t.Errorf("%v records were read", n)
	}
	want := `
		# HELP evident_ledger_index_lag_records Offsets that have leaves and are not indexed yet.
		# TYPE evident_ledger_index_lag_records gauge
		evident_ledger_index_lag_records 0
		# HELP evident_ledger_index_records_total Records that were indexed.
		# TYPE evident_ledger_index_records_total counter
		evident_ledger_index_records_total 2
	`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "evident_ledger_index_lag_records", "evident_ledger_index_records_total"); err != nil {
		t.Error(err)
	}
	s.Close()
	if list, err := reg.Gather(); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}
