package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger/search"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
	"github.com/evidentlog/evident/proof"
)

// find searches until nothing is behind, and returns the offsets that were found
// of orders/0.
func (p *provable) find(query string) (offsets []int64, a search.Answer) {
	p.t.Helper()
	status, body := 0, ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		a = search.Answer{}
		status, body = get(p.t, p.web+"/v1/search?"+query)
		if status == http.StatusNotFound {
			continue // the ledger has not found the topic yet
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil || len(a.Behind) == 0 {
			break
		}
	}
	if status != http.StatusOK || len(a.Behind) > 0 {
		p.t.Fatalf("%s: %d %s", query, status, body)
	}
	for _, r := range a.Records {
		offsets = append(offsets, r.Offset)
	}
	return offsets, a
}

// bundle asks for a proof of what a query finds, and verifies it.
func (p *provable) bundle(query string) (*proof.Report, string) {
	p.t.Helper()
	status, body := 0, ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if status, body = get(p.t, p.web+"/v1/proof?"+query); status != http.StatusServiceUnavailable && status != http.StatusNotFound {
			break
		}
	}
	if status != http.StatusOK {
		p.t.Fatalf("%s: %d %s", query, status, body)
	}
	f, err := proof.ParseFile(body)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := f.Verify(proof.Trust{Keys: p.ProofKeys()})
	if err != nil {
		p.t.Fatal(err)
	}
	return r, body
}

func send(t *testing.T, c *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// header makes a record with headers, given as names and values.
func header(key string, at int64, headers ...string) *kgo.Record {
	r := &kgo.Record{Key: []byte(key), Value: []byte("{}"), Timestamp: time.UnixMilli(at)}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

// Events are those of the CloudEvents Kafka binding's own examples, and others.
func events() []*kgo.Record {
	structured := header("bob", 4000, "content-type", "application/cloudevents+json; charset=UTF-8")
	structured.Value = []byte(`{"data":{"id":"inner","type":["x"]},"specversion":"1.0","type":"com.example.someevent",` +
		`"source":"/mycontext/subcontext","id":"1234-1234-1235","correlationid":"c-1"}`)
	return []*kgo.Record{
		header("alice", 1000, "ce_specversion", "1.0", "ce_type", "com.example.someevent", "ce_source", "/mycontext/subcontext",
			"ce_id", "1234-1234-1234", "ce_time", "2018-04-05T03:56:24Z", "content-type", "application/avro"),
		header("alice", 2000),
		header("bob", 3000, "ce_id", "1234-1234-1234", "ce_source", "/elsewhere", "ce_type", "t", "ce_correlationid", "c-1"),
		structured,
		header("", 5000, "ce_id", "", "ce_type", "\xff"),
	}
}

var searches = map[string][]int64{
	"key=alice":                               {0, 1},
	"key=bob&topic=orders":                    {2, 3},
	"key=":                                    {4},
	"key=nobody":                              nil,
	"id=1234-1234-1234":                       {0, 2},
	"id=1234-1234-1234&source=/elsewhere":     {2},
	"id=1234-1234-1235":                       {3},
	"id=inner":                                nil,
	"type=com.example.someevent":              {0, 3},
	"correlation=c-1":                         {2, 3},
	"key=bob&type=t":                          {2},
	"topic=orders&since=2000&until=4000":      {1, 2},
	"topic=orders&since=1970-01-01T00:00:03Z": {2, 3, 4},
	"key=alice&until=2000":                    {0},
	"key=alice&limit=1&cursor=orders/0@1":     {1},
}

func (p *provable) searchAll(when string) {
	p.t.Helper()
	for query, want := range searches {
		if got, a := p.find(query); !slices.Equal(got, want) || a.Next != "" {
			p.t.Errorf("%s: %s: found %v, %+v, want %v", when, query, got, a, want)
		}
	}
}

func TestRecordsAreFoundByWhatTheySay(t *testing.T) {
	disk := vfs.NewMem()
	p := startProvable(t, node.Config{FS: disk})
	send(t, p.client(), events()...)
	p.searchAll("at once")
	_, a := p.find("id=1234-1234-1235")
	key := "bob"
	want := search.Found{Topic: "orders", Offset: 3, Timestamp: 4000, Key: &key, ID: "1234-1234-1235",
		Source: "/mycontext/subcontext", Type: "com.example.someevent", Correlation: "c-1"}
	if got := a.Records[0]; got.Key == nil || *got.Key != key {
		t.Errorf("%+v", got)
	} else if got.Key = want.Key; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, a := p.find("key=alice&limit=1"); len(got) != 1 || a.Next != "orders/0@1" {
		t.Errorf("a page of one: %v, %+v", got, a)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = startProvable(t, node.Config{FS: disk})
	p.searchAll("after a start")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := disk.RemoveAll("/data/ledger/index"); err != nil {
		t.Fatal(err)
	}
	p = startProvable(t, node.Config{FS: disk})
	p.awaitIndex()
	p.searchAll("made again from the log")
}

// awaitIndex waits until nothing is behind.
func (p *provable) awaitIndex() {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if status, body := get(p.t, p.web+"/v1/search?topic=orders&since=0"); status == http.StatusOK && !strings.Contains(body, "behind") {
			return
		}
	}
	p.t.Fatal("the index stays behind")
}

func TestABundleProvesAllThatIsFound(t *testing.T) {
	p := startProvable(t, node.Config{Partitions: 3})
	c := p.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for n := range int32(30) {
		r := header(fmt.Sprint("key", n%2), int64(n), "ce_id", fmt.Sprint("id", n))
		r.Partition = n % 3
		send(t, c, r)
	}
	r, body := p.bundle("key=key1&topic=orders")
	found := map[string]bool{}
	for _, h := range r.Heads {
		for _, rec := range h.Records {
			found[fmt.Sprintf("%d@%d", h.Tree.Partition, rec.Offset)] = true
			if string(rec.Record.Key) != "key1" {
				t.Errorf("%+v", rec)
			}
		}
	}
	if len(r.Heads) != 3 || len(found) != 15 {
		t.Errorf("%d heads, %d records in %d bytes", len(r.Heads), len(found), len(body))
	}
	if r, _ := p.bundle("id=id7"); len(r.Heads) != 1 || len(r.Heads[0].Records) != 1 {
		t.Errorf("%+v", r)
	}
	if status, body := get(t, p.web+"/v1/proof?key=key1&limit=14"); status != http.StatusRequestEntityTooLarge || !strings.Contains(body, "more than 14") {
		t.Errorf("%d %s", status, body)
	}
}

func TestSearchesSeeWhatIsCommitted(t *testing.T) {
	p := startProvable(t, node.Config{})
	plain := p.client()
	c := p.client(kgo.TransactionalID("payments"))
	for n := range 2 {
		transactEvent(t, c, fmt.Sprint("committed", n), kgo.TryCommit)
		send(t, plain, header("k", 1, "ce_id", fmt.Sprint("plain", n)))
		transactEvent(t, c, fmt.Sprint("aborted", n), kgo.TryAbort)
	}
	want := []string{"committed0", "plain0", "committed1", "plain1"}
	if got := p.ids("key=k"); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	r, _ := p.bundle("key=k")
	for i, rec := range r.Heads[0].Records {
		if inTransaction := i%2 == 0; inTransaction != (rec.CommittedAt > rec.Offset) {
			t.Errorf("%s: %+v", want[i], rec)
		}
	}
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	send(t, c, header("k", 1, "ce_id", "open"))
	send(t, plain, header("k", 1, "ce_id", "plain2")) // behind a transaction that has not ended
	want = append(want, "plain2")
	if got := p.ids("key=k"); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	end(t, c, kgo.TryCommit)
	p.bundle("id=open")
}

// ids are those of the events that a search finds.
func (p *provable) ids(query string) (ids []string) {
	p.t.Helper()
	_, a := p.find(query)
	for _, r := range a.Records {
		ids = append(ids, r.ID)
	}
	return ids
}

// transactEvent sends an event in a transaction, and waits until that has ended.
func transactEvent(t *testing.T, c *kgo.Client, id string, how kgo.TransactionEndTry) {
	t.Helper()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	send(t, c, header("k", 1, "ce_id", id))
	end(t, c, how)
}

func TestBadQueriesAreAnswered(t *testing.T) {
	p := startProvable(t, node.Config{})
	send(t, p.client(), events()...)
	for query, want := range map[string]string{
		"":                                       "400 what is searched for",
		"topic=orders":                           "400 what is searched for",
		"source=x":                               "400 a source alone",
		"since=1":                                "400 in one topic",
		"idd=1":                                  "400 no parameter \"idd\", only",
		"id=1&id=2":                              "400 given 2 times",
		"id=1&limit=0":                           "400 limit=\"0\"",
		"id=1&limit=10001":                       "400 from 1 to 10000",
		"topic=orders&since=yesterday":           "400 no time: write",
		"topic=orders&since=5&until=5":           "400 not before",
		"id=1&cursor=x":                          "400 cursor=\"x\"",
		"id=1&topic=other":                       "404 there is no such topic: \"other\"",
		"id=1&topic=a/b":                         "404 there is no such topic",
		"id=1&topic=__consumer_offsets":          "404 ",
		"id=1&key=%zz":                           "400 invalid URL escape",
		url.Values{"key": {"\xff\x00"}}.Encode(): "200 ",
	} {
		status, body := get(t, p.web+"/v1/search?"+query)
		if got := fmt.Sprint(status, " ", body); !strings.HasPrefix(got, want[:4]) || !strings.Contains(got, want[4:]) {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	if status, body := get(t, p.web+"/v1/proof?id=unheard-of"); status != http.StatusNotFound {
		t.Errorf("%d %s", status, body)
	}
}

func TestANodeWithoutAnIndexSaysSo(t *testing.T) {
	no := false
	p := startProvable(t, node.Config{LedgerIndex: &no})
	if status, _ := get(t, p.web+"/v1/search?id=1"); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
}
