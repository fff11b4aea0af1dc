package node_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/node"
	"github.com/evidentlog/evident/proof"
)

// erased is what matters here of an answer.
type erased struct {
	Erased []struct {
		Topic    string
		Offsets  string
		CopyOf   string `json:"copy_of"`
		Records  string
		Receipts []struct{ By string }
	}
}

// erase asks for an erasure.
func (p *provable) erase(request string) (status int, e erased, body string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.web+"/v1/erasures", strings.NewReader(request))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+p.HTTPToken())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK {
		err = json.Unmarshal(b, &e)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, e, string(b)
}

// consume reads so many records of a topic from its start, as a consumer does.
func (p *provable) consume(topic string, n int, opts ...kgo.Opt) (values []string) {
	p.t.Helper()
	c, err := p.Client(append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))...)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	for len(values) < n {
		fetched := c.PollFetches(p.t.Context())
		if err := fetched.Err(); err != nil {
			p.t.Fatal(err)
		}
		fetched.EachRecord(func(r *kgo.Record) { values = append(values, fmt.Sprintf("%d=%s", r.Offset, r.Value)) })
	}
	return values
}

func TestAnErasedRecordIsGoneAndItsProofsStay(t *testing.T) {
	disk := &vfstest.Remains{FS: vfs.NewMem()}
	p := startProvable(t, node.Config{FS: disk})
	c := p.client()
	for i := range 5 {
		r := &kgo.Record{Key: []byte("alice-key"), Value: fmt.Appendf(nil, "alice-value-%d", i)}
		if i%2 == 0 {
			r.Key = []byte("bob")
		}
		if err := c.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	_, before := p.ask(1)
	status, e, body := p.erase(`{"topic":"orders","key_base64":"YWxpY2Uta2V5","dry_run":true}`)
	if status != http.StatusOK || len(e.Erased) != 1 || e.Erased[0].Offsets != "1,3" || e.Erased[0].Records != "planned" {
		t.Fatalf("a dry run: %d %s", status, body)
	}
	if status, body := p.ask(1); status != http.StatusOK {
		t.Fatalf("after a dry run: %d %s", status, body)
	}
	status, e, body = p.erase(`{"topic":"orders","key_base64":"YWxpY2Uta2V5"}`)
	if status != http.StatusOK || len(e.Erased) != 1 || e.Erased[0].Offsets != "1,3" || e.Erased[0].Records != "destroyed" || len(e.Erased[0].Receipts) != 1 {
		t.Fatalf("%d %s", status, body)
	}
	for _, secret := range []string{"alice-key", "alice-value-1", "alice-value-3"} {
		if where, err := disk.Find("/data", []byte(secret)); err != nil || where != "" {
			t.Errorf("%s is in %s (%v)", secret, where, err)
		}
	}
	for _, opts := range [][]kgo.Opt{nil, {kgo.FetchIsolationLevel(kgo.ReadCommitted())}} {
		if got := p.consume("orders", 3, opts...); !slices.Equal(got, []string{"0=alice-value-0", "2=alice-value-2", "4=alice-value-4"}) {
			t.Errorf("a consumer gets %v", got)
		}
	}
	if status, body := p.ask(1); status != http.StatusGone || !strings.Contains(body, "erased on ") || !strings.Contains(body, "by User:ANONYMOUS") {
		t.Errorf("%d %s", status, body)
	}
	if r := p.proven(2); string(r.Record.Value) != "alice-value-2" {
		t.Errorf("%+v", r)
	}
	f, err := proof.ParseFile(before)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Verify(proof.Trust{Keys: p.ProofKeys()}); err != nil {
		t.Errorf("a proof from before: %v", err)
	}
	if status, body := get(t, p.web+"/v1/topics/orders/partitions/0/erasures"); status != http.StatusOK || !strings.Contains(body, `"offsets":"1,3"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestDeadLettersGoWithTheirRecords(t *testing.T) {
	p := startProvable(t, node.Config{})
	produce(t, p.client(), "first")
	produce(t, p.client(), "second")
	letters := p.client(kgo.DefaultProduceTopic("dlq.workers"))
	for _, l := range []struct{ topic, of, offset string }{
		{"dlq.workers", "orders", "0"}, {"dlq.workers", "orders", "1"},
		{"dlq.again", "dlq.workers", "0"}, {"dlq.again", "dlq.workers", "1"}, // whose group failed, too
		{"dlq.workers", "dlq.again", "1"}, {"dlq.workers", "dlq.workers", "3"}, // and one of itself
	} {
		r := &kgo.Record{Topic: l.topic, Value: []byte("copy of " + l.of + l.offset), Headers: []kgo.RecordHeader{
			{Key: "__dlq.errors.topic", Value: []byte(l.of)},
			{Key: "__dlq.errors.partition", Value: []byte("0")},
			{Key: "__dlq.errors.offset", Value: []byte(l.offset)},
		}}
		if err := letters.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	status, e, body := p.erase(`{"records":["orders/0@1"]}`)
	var copies []string
	for _, c := range e.Erased {
		copies = append(copies, c.Topic+"@"+c.Offsets+" of "+c.CopyOf)
	}
	if want := []string{"orders@1 of ", "dlq.workers@1 of orders", "dlq.again@1 of dlq.workers", "dlq.workers@2 of dlq.again"}; status != http.StatusOK || !slices.Equal(copies, want) {
		t.Fatalf("%d %s", status, body)
	}
	if got := p.consume("dlq.workers", 2); !slices.Equal(got, []string{"0=copy of orders0", "3=copy of dlq.workers3"}) {
		t.Errorf("left are %v", got)
	}
}

// On a cluster of somebody else the salt goes, and the record stays: that is said.
func TestOnAnotherClusterTheSaltIsDestroyed(t *testing.T) {
	p := startProvable(t, node.Config{Cluster: &node.Cluster{Brokers: fakeCluster(t).ListenAddrs()}})
	produce(t, p.client(), "elsewhere")
	p.proven(0)
	status, e, body := p.erase(`{"records":["orders/0@0"]}`)
	if status != http.StatusOK || len(e.Erased) != 1 || e.Erased[0].Records != "remains" || len(e.Erased[0].Receipts) != 1 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := p.ask(0); status != http.StatusGone || !strings.Contains(body, "was erased on ") {
		t.Errorf("%d %s", status, body)
	}
}

func TestBadErasuresAreRefused(t *testing.T) {
	p := startProvable(t, node.Config{})
	produce(t, p.client(), "first")
	for request, want := range map[string]int{
		`{"records":["orders/0@7"]}`:                  http.StatusNotFound,
		`{"records":["orders/9@0"]}`:                  http.StatusNotFound,
		`{"records":["other/0@0"]}`:                   http.StatusNotFound,
		`{"records":["orders@0"]}`:                    http.StatusBadRequest,
		`{"records":["orders/0@5-3"]}`:                http.StatusBadRequest,
		`{"records":["orders/0@0"],"topic":"orders"}`: http.StatusBadRequest,
		`{"topic":"orders"}`:                          http.StatusBadRequest,
		`{"topic":"orders","key_base64":"?"}`:         http.StatusBadRequest,
		`{}`:                                          http.StatusBadRequest,
		`{"record":["orders/0@0"]}`:                   http.StatusBadRequest,
		`[]`:                                          http.StatusBadRequest,
		`{"topic":"__consumer_offsets","before":"2100-01-01T00:00:00Z"}`: http.StatusBadRequest,
	} {
		status, _, body := p.erase(request)
		if status != want {
			t.Errorf("%s: %d %s, want %d", request, status, body, want)
		}
		var problem struct{ Detail string }
		if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Detail == "" {
			t.Errorf("%s: the answer is no problem: %q (%v)", request, body, err)
		}
	}
}

// Others could have a browser, or a proxy, on the machine ask for them.
func TestErasuresFromElsewhereAreRefused(t *testing.T) {
	p := startProvable(t, node.Config{})
	produce(t, p.client(), "first")
	p.proven(0)
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"a form":        {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, http.StatusBadRequest},
		"a proxy":       {func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.5") }, http.StatusForbidden},
		"another name":  {func(r *http.Request) { r.Host = "evil.example:8080" }, http.StatusForbidden},
		"another site":  {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		"its browser":   {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"no token":      {func(r *http.Request) { r.Header.Del("Authorization") }, http.StatusUnauthorized},
		"a wrong token": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+p.HTTPToken()[1:]) }, http.StatusUnauthorized},
		"just a client": {func(*http.Request) {}, http.StatusOK},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.web+"/v1/erasures", bytes.NewReader([]byte(`{"records":["orders/0@0"],"dry_run":true}`)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+p.HTTPToken())
		c.change(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(resp.Body.Close()); err != nil || resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d (%v)", name, resp.StatusCode, c.want, err)
		}
	}
}

// What came after the ledger was turned off for its topic never has a proof.
func TestNothingIsPromisedBehindALedgerThatWasTurnedOff(t *testing.T) {
	p := startProvable(t, node.Config{})
	produce(t, p.client(), "first")
	p.proven(0)
	off := kadm.AlterConfig{Op: kadm.SetConfig, Name: "evident.ledger", Value: kadm.StringPtr("off")}
	if _, err := kadm.NewClient(p.client()).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{off}, "orders"); err != nil {
		t.Fatal(err)
	}
	want := "the ledger was turned off for this topic: at offset "
	var status int
	var body string
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && !strings.Contains(body, want); {
		produce(t, p.client(), "later") // some of these may come before the ledger knows
		at := p.end("orders") - 1
		status, body = p.ask(at)
	}
	if status != http.StatusNotFound || !strings.Contains(body, want) {
		t.Errorf("a record that came later: %d %s", status, body)
	}
	if status, body := p.ask(0); status != http.StatusOK {
		t.Errorf("a record from before: %d %s", status, body)
	}
}

// end is how many offsets partition 0 of a topic has.
func (p *provable) end(topic string) int64 {
	p.t.Helper()
	ends, err := kadm.NewClient(p.client()).ListEndOffsets(p.t.Context(), topic)
	if err != nil {
		p.t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	return end.Offset
}
