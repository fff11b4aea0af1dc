package node_test

import (
	"context"
	"encoding/json"
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
	"github.com/evidentlog/evident/node"
)

// A filter is a node on which topics without duplicates are declared.
type filter struct {
	*plant
	*node.Node
}

func newFilter(t *testing.T, partitions int, cfg node.Config) *filter {
	t.Helper()
	cfg.Kafka, cfg.HTTP = []node.Listener{{Name: "kafka", Address: "127.0.0.1:0"}}, []node.Listener{{Name: "http", Address: "127.0.0.1:0"}}
	cfg.FS, cfg.Data, cfg.Ledger, cfg.GroupInitialRebalanceDelay = vfs.NewMem(), "/node", new(false), -1
	f := &filter{plant: &plant{t: t}}
	f.Node = f.start(cfg)
	f.nodes, f.broker = []*node.Node{f.Node}, f.Node
	client, err := f.Node.Client()
	if err != nil {
		t.Fatal(err)
	}
	f.client = client
	t.Cleanup(client.Close)
	for _, topic := range []string{"in", "out"} {
		mustDeclare(t, f.Node, "Topic/"+topic, fmt.Sprintf(`{"apiVersion":"evident/v1","kind":"Topic","metadata":{"name":%q},"spec":{"partitions":%d}}`, topic, partitions))
	}
	return f
}

func deduplicationOf(name, spec string) string {
	return fmt.Sprintf(`{"apiVersion":"evident/v1","kind":"Deduplication","metadata":{"name":%q},"spec":{%s}}`, name, spec)
}

// declared declares "once", and gives what the node answers.
func (f *filter) declared(spec string) (int, string) {
	f.t.Helper()
	status, answer, _ := declare(f.t, f.Node, f.HTTPToken(), "Deduplication/once", deduplicationOf("once", spec))
	return status, answer
}

func (f *filter) mustBe(spec string) {
	f.t.Helper()
	if status, answer := f.declared(spec); status != http.StatusOK {
		f.t.Fatalf("declaring %s: %d %s", spec, status, answer)
	}
}

// send produces records whose key, value and header "id" are the same.
func (f *filter) send(values ...string) {
	f.t.Helper()
	for _, v := range values {
		r := &kgo.Record{Topic: "in", Key: []byte(v), Value: []byte(v), Headers: []kgo.RecordHeader{{Key: "id", Value: []byte(v)}}}
		if err := f.client.ProduceSync(f.t.Context(), r).FirstErr(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// passed are the values that were let by, up to the last one of a list; it has to be
// the list.
func (f *filter) passed(want ...string) {
	f.t.Helper()
	client, err := f.Node.Client(kgo.ConsumeTopics("out"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithDeadline(f.t.Context(), f.deadline())
	defer cancel()
	var got []string
	for !slices.Contains(got, want[len(want)-1]) {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			f.t.Fatalf("let by %v, and not %v", got, want)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if !slices.Equal(got, want) {
		f.t.Fatalf("let by %v, want %v", got, want)
	}
}

// order tells the processor "once" something.
func (f *filter) order(verb, body string) (int, string) {
	f.t.Helper()
	for {
		status, answer, header := f.ask(0, http.MethodPost, "/once:"+verb, body)
		if header.Get("Retry-After") == "" {
			return status, answer
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (f *filter) mustDo(verb, body string) {
	f.t.Helper()
	if status, answer := f.order(verb, body); status != http.StatusOK {
		f.t.Fatalf("%s: %d %s", verb, status, answer)
	}
}

func TestADeclaredDeduplicationIsRunPausedAndReset(t *testing.T) {
	f := newFilter(t, 1, node.Config{})
	f.mustBe(`"input":"in","output":"out","key":"key"`)
	f.send("a", "b", "a", "c", "b", "end1")
	f.passed("a", "b", "c", "end1")
	f.await(0, "/once", `"state":"running"`)
	f.mustDo("pause", "")
	f.await(0, "/once", `"paused":true`)
	if status, body := get(t, "http://"+f.Addresses().HTTP["http"]+"/v1/resources/Deduplication/once"); status != http.StatusOK || !strings.Contains(body, `"paused":true`) {
		t.Errorf("declared %d %s", status, body)
	}
	f.send("a", "d", "end2")
	f.mustDo("resume", "")
	f.passed("a", "b", "c", "end1", "d", "end2")
	f.mustDo("reset", `{"to":"start","state":"keep"}`) // all was seen
	f.send("end3")
	f.passed("a", "b", "c", "end1", "d", "end2", "end3")
	for _, verb := range []string{"replay", "switch"} {
		if status, answer := f.order(verb, ""); status != http.StatusConflict {
			t.Errorf("%s: %d %s", verb, status, answer)
		}
	}
}

// Window and limit change in place, input and key with the version; no record is lost or
// written twice by that.
func TestADeduplicationIsChanged(t *testing.T) {
	f := newFilter(t, 1, node.Config{})
	f.mustBe(`"input":"in","output":"out","key":"key"`)
	f.send("a", "b", "end1")
	f.passed("a", "b", "end1")
	f.mustDo("pause", "")
	f.await(0, "/once", `"members":[]`) // or it might still go on as it was
	f.mustBe(`"input":"in","output":"out","key":"key","window":"1h","limit":2`)
	f.send("b", "a", "end2")
	f.passed("a", "b", "end1", "a", "end2")
	for spec, want := range map[string]string{
		`"input":"in","output":"out"`:                                       `by the key \"key\": to find them by \"ce:source + ce:id\" say version: 2`,
		`"input":"out","output":"in","key":"key"`:                           `to read \"out\" say version: 2`,
		`"input":"in","output":"out","key":"header:id","version":2`:         "say continues: 1",
		`"input":"out","output":"in","key":"key","version":2,"continues":1`: "say continues: 0",
	} {
		if status, answer := f.declared(spec); status != http.StatusConflict || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s, want %s", spec, status, answer, want)
		}
	}
	f.mustDo("pause", "")
	f.await(0, "/once", `"members":[]`) // or the version before might still be given them
	f.mustBe(`"input":"in","output":"out","key":"header:id","version":2,"continues":1`)
	f.await(0, "/once", `"group":"evident-process.once.2"`)
	f.await(0, "/once", `"state":"running"`) // or version 1 might still have what comes
	f.send("b", "a", "end3")
	f.passed("a", "b", "end1", "a", "end2", "end3")
}

func TestADeduplicationThatCannotBeIsRefused(t *testing.T) {
	f := newFilter(t, 1, node.Config{Processors: []node.Processor{counting(0)}})
	for spec, want := range map[string]string{
		`"input":"nowhere","output":"out"`:                        "Topic/nowhere is not declared",
		`"input":"in","output":"in"`:                              "one topic",
		`"input":"in","output":"out","key":"ce:"`:                 "the name is missing",
		`"input":"in","output":"out","window":"1d"`:               "such as 24h",
		`"input":"in","output":"out","from":"noon"`:               "such as 2026-01-31T12:00:00Z",
		`"input":"in","output":"out","continues":1`:               "continues a lower one",
		`"input":"in","output":"out","limit":0`:                   "limit",
		`"input":"in","output":"out","winow":"1h"`:                `did you mean \"window\"?`,
		`"input":"in","output":"out","withoutId":"drop"`:          "deadLetter",
		`"input":"in","output":"out","window":"100000000000000h"`: "such as 24h",
		`"input":"in","output":"out","window":"1000000h"`:         "must be 1 ms to",
	} {
		if status, answer := f.declared(spec); status != http.StatusUnprocessableEntity && status != http.StatusConflict || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s, want %s", spec, status, answer, want)
		}
	}
	for name, want := range map[string]string{"counter": "has a processor", strings.Repeat("n", 101): "1 to 100"} {
		status, answer, _ := declare(t, f.Node, f.HTTPToken(), "Deduplication/"+name, deduplicationOf(name, `"input":"in","output":"out"`))
		if status < 400 || status >= 500 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s, want %s", name, status, answer, want)
		}
	}
}

// Its topics do not go while it is there. What it leaves is kept, or removed if data may go.
func TestADeduplicationIsDeleted(t *testing.T) {
	f := newFilter(t, 1, node.Config{})
	const spec = `"input":"in","output":"out","key":"key"`
	f.mustBe(spec)
	f.send("a", "end1")
	f.passed("a", "end1")
	if status, answer := f.remove("Topic/in?delete-data=true"); status < 400 || !strings.Contains(answer, "Deduplication/once refers to it") {
		t.Errorf("deleting its input: %d %s", status, answer)
	}
	f.mustGo("Deduplication/once")
	f.await(0, "", `"processors":[]`)
	f.mustBe(spec)
	f.send("a", "end2")
	f.passed("a", "end1", "end2")
	f.mustGo("Deduplication/once?delete-data=true")
	adm := kadm.NewClient(f.client)
	topics, err := adm.ListTopicsWithInternal(t.Context())
	if err != nil || topics.Has("evident-process.once.1.changelog") {
		t.Errorf("its changelog is there: %v", err)
	}
	groups, err := adm.ListGroups(t.Context())
	if err != nil || slices.Contains(groups.Groups(), "evident-process.once.1") {
		t.Errorf("its group is there: %v", err)
	}
	f.mustBe(spec)
	f.send("end3")
	f.passed("a", "end1", "end2", "a", "end1", "end2", "end3")
}

func (f *filter) remove(path string) (int, string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodDelete, "http://"+f.Addresses().HTTP["http"]+"/v1/resources/"+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.HTTPToken())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (f *filter) mustGo(path string) {
	f.t.Helper()
	if status, answer := f.remove(path); status != http.StatusOK && status != http.StatusNoContent {
		f.t.Fatalf("deleting %s: %d %s", path, status, answer)
	}
}

// Nodes without code of their own run what is declared, and share its tasks.
func TestNodesShareADeduplication(t *testing.T) {
	f := newFilter(t, 4, node.Config{})
	disk := vfs.NewMem()
	for i := range 2 {
		f.nodes = append(f.nodes, f.start(node.Config{
			FS: disk, Data: fmt.Sprintf("/node%d", i), Cluster: &node.Cluster{Brokers: []string{f.Addresses().Kafka["kafka"]}},
			HTTPTokenFile: "/shared/token", HTTP: []node.Listener{{Name: "http", Address: "127.0.0.1:0"}},
		}))
	}
	f.mustBe(`"input":"in","output":"out","key":"key"`)
	deadline := f.deadline()
	for {
		body := f.await(2, "/once", `"name":"once"`)
		var d struct {
			Versions []struct {
				Members []struct{ Tasks []int32 }
			}
		}
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatal(err)
		}
		all := 0
		for _, m := range d.Versions[0].Members {
			all += len(m.Tasks)
		}
		if len(d.Versions[0].Members) == 3 && all == 4 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("tasks are not shared: %s", body)
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.send("a", "b", "a", "c", "b", "c", "a")
	got := f.outputs(3)
	if len(got) != 3 {
		t.Errorf("let by %v", got)
	}
}
