package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// counting counts records by key, and writes each count.
func counting(standbys int) node.Processor {
	return node.Processor{
		Name: "counter", Version: 1, Inputs: []string{"in"}, Stores: []node.StoreConfig{{Name: "counts"}}, Standbys: standbys,
		New: func(node.Task) node.Handler {
			return node.HandlerFunc(func(s node.Step, r *kgo.Record) error {
				before, _, err := s.Store("counts").Get(r.Key)
				if err != nil {
					return err
				}
				n, _ := strconv.Atoi(string(before))
				text := []byte(strconv.Itoa(n + 1))
				if err := s.Store("counts").Put(r.Key, text); err != nil {
					return err
				}
				return s.Emit(node.Output{Topic: "out", Key: r.Key, Value: text})
			})
		},
	}
}

// A plant is nodes that count, on the broker of another one.
type plant struct {
	t      *testing.T
	broker *node.Node
	nodes  []*node.Node
	client *kgo.Client
}

func newPlant(t *testing.T, nodes, standbys int) *plant {
	t.Helper()
	disk := vfs.NewMem()
	p := &plant{t: t}
	p.broker = p.start(node.Config{
		FS: disk, Data: "/broker", Kafka: []node.Listener{{Name: "kafka", Address: "127.0.0.1:0"}}, HTTP: []node.Listener{},
		GroupInitialRebalanceDelay: -1, Ledger: new(false),
	})
	p.setUp()
	for i := range nodes {
		p.nodes = append(p.nodes, p.start(node.Config{
			FS: disk, Data: fmt.Sprintf("/node%d", i), Cluster: &node.Cluster{Brokers: []string{p.broker.Addresses().Kafka["kafka"]}},
			HTTPTokenFile: "/shared/token", HTTP: []node.Listener{{Name: "http", Address: "127.0.0.1:0"}},
			Processors: []node.Processor{counting(standbys)},
		}))
	}
	return p
}

func (p *plant) start(cfg node.Config) *node.Node {
	p.t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(p.t.Output(), nil)) // so that a failure says why
	n, err := node.Start(p.t.Context(), cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := n.Close(); err != nil {
			p.t.Error(err)
		}
	})
	return n
}

// setUp makes the topics, and a client.
func (p *plant) setUp() {
	client, err := p.broker.Client()
	if err != nil {
		p.t.Fatal(err)
	}
	p.client = client
	p.t.Cleanup(client.Close)
	if _, err := kadm.NewClient(client).CreateTopics(p.t.Context(), 4, 1, nil, "in", "out"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plant) produce(n int) {
	p.t.Helper()
	for i := range n {
		r := &kgo.Record{Topic: "in", Key: []byte(fmt.Sprintf("key%d", i%10)), Value: []byte("x")}
		if err := p.client.ProduceSync(p.t.Context(), r).FirstErr(); err != nil {
			p.t.Fatal(err)
		}
	}
}

// ask asks a node, and gives the status, the body and the headers of its answer.
func (p *plant) ask(i int, method, path, body string) (int, string, http.Header) {
	p.t.Helper()
	n := p.nodes[i]
	r, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+n.Addresses().HTTP["http"]+"/v1/processors"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.HTTPToken())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

// await asks until the answer has a text in it.
func (p *plant) await(i int, path, want string) string {
	p.t.Helper()
	deadline := p.deadline()
	for {
		status, body, _ := p.ask(i, http.MethodGet, path, "")
		if status == http.StatusOK && strings.Contains(body, want) {
			return body
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("GET %s did not come to %q: %d %s", path, want, status, body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// deadline is when it is too late to wait any longer: shortly before the tests are ended.
func (p *plant) deadline() time.Time {
	if t, ok := p.t.Deadline(); ok {
		return t.Add(-20 * time.Second)
	}
	return time.Now().Add(time.Hour)
}

// tell steers the processor.
func (p *plant) tell(i int, verb, body string) {
	p.t.Helper()
	deadline := p.deadline()
	for {
		status, text, header := p.ask(i, http.MethodPost, "/counter:"+verb, body)
		if status == http.StatusOK {
			return
		}
		if header.Get("Retry-After") == "" || time.Now().After(deadline) {
			p.t.Fatalf("%s %s: %d %s", verb, body, status, text)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// outputs are the counts in the output, by key, up to as many records as are wanted.
func (p *plant) outputs(n int) map[string][]string {
	p.t.Helper()
	client, err := p.broker.Client(kgo.ConsumeTopics("out"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	all := map[string][]string{}
	for got := 0; got < n; {
		fetches := client.PollFetches(p.t.Context())
		if err := fetches.Err(); err != nil {
			p.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			all[string(r.Key)] = append(all[string(r.Key)], string(r.Value))
			got++
		})
	}
	return all
}

func TestAProcessorIsRunPausedAndRead(t *testing.T) {
	p := newPlant(t, 1, 0)
	p.produce(100)
	p.await(0, "/counter/state/key3", "10")
	_, _, header := p.ask(0, http.MethodGet, "/counter/state/key3", "")
	if header.Get("Evident-Lag") != "0" || header.Get("Evident-Position") == "" || header.Get("Evident-Partition") == "" {
		t.Errorf("headers %v", header)
	}
	body := p.await(0, "/counter/state?partition="+header.Get("Evident-Partition")+"&from=key3&limit=1", `"key":"key3"`)
	var scan struct{ Entries []struct{ Value string } }
	if err := json.Unmarshal([]byte(body), &scan); err != nil || len(scan.Entries) != 1 || scan.Entries[0].Value != "10" {
		t.Errorf("range %s, %v", body, err)
	}
	p.await(0, "", `"name":"counter","paused":false,"active":1`)
	p.await(0, "/counter", `"state":"running"`)
	for path, want := range map[string]string{
		"/countr":                      `did you mean \"counter\"?`,
		"/counter/state/nobody":        `has no key \"nobody\"`,
		"/counter/state/key3?store=co": `has no store \"co\"`,
		"/counter/state?partition=9":   "want 0 to 3",
		"/counter/state":               "say which",
	} {
		status, body, _ := p.ask(0, http.MethodGet, path, "")
		for status == http.StatusServiceUnavailable { // another task, which is not there yet
			status, body, _ = p.ask(0, http.MethodGet, path, "")
		}
		if status < 400 || status >= 500 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
	}
	p.tell(0, "pause", "")
	p.await(0, "/counter", `"paused":true`)
	for { // what is under way ends first
		if status, _, header := p.ask(0, http.MethodGet, "/counter/state/key3", ""); status == http.StatusServiceUnavailable && header.Get("Retry-After") != "" {
			break
		}
	}
	p.produce(10)
	p.tell(0, "resume", "")
	p.await(0, "/counter/state/key3", "11")
	p.outputs(110)
}

func TestOnlyProcessorsWithCodeAreDeclared(t *testing.T) {
	p := newPlant(t, 1, 0)
	for path, body := range map[string]string{
		`did you mean \"counter\"?`:     `{"apiVersion":"evident/v1","kind":"Processor","metadata":{"name":"countr"},"spec":{}}`,
		`not among the versions`:        `{"apiVersion":"evident/v1","kind":"Processor","metadata":{"name":"counter"},"spec":{"active":2,"versions":[{"version":1}]}}`,
		`such as 2026-01-31T12:00:00Z`:  `{"apiVersion":"evident/v1","kind":"Processor","metadata":{"name":"counter"},"spec":{"versions":[{"version":1,"from":"noon"}]}}`,
		`say which one's outputs count`: `{"apiVersion":"evident/v1","kind":"Processor","metadata":{"name":"counter"},"spec":{"versions":[{"version":1},{"version":2}]}}`,
		`did you mean \"paused\"?`:      `{"apiVersion":"evident/v1","kind":"Processor","metadata":{"name":"counter"},"spec":{"pausd":true}}`,
	} {
		name := "counter"
		if strings.Contains(body, "countr") {
			name = "countr"
		}
		if status, answer, _ := declare(t, p.nodes[0], p.nodes[0].HTTPToken(), "Processor/"+name, body); status != http.StatusUnprocessableEntity || !strings.Contains(answer, path) {
			t.Errorf("%d %s, want %s", status, answer, path)
		}
	}
	for verb, want := range map[string]string{"paus": `did you mean \"pause\"?`, "switch": "only version 1 runs", "reset": "keep or discard", "pause?x": ""} {
		if status, body, _ := p.ask(0, http.MethodPost, "/counter:"+verb, ""); want != "" && (status < 400 || !strings.Contains(body, want)) {
			t.Errorf("%s: %d %s, want %s", verb, status, body, want)
		}
	}
}

// Each record has its output once, whichever version wrote it.
func TestAReplayIsSwitchedToWithoutALostOrASecondOutput(t *testing.T) {
	p := newPlant(t, 1, 0)
	p.produce(50)
	p.await(0, "/counter/state/key3", "5")
	p.tell(0, "replay", `{"from":"start"}`)
	p.await(0, "/counter/state/key3?version=2", "5")
	p.produce(50)
	p.tell(0, "switch", "")
	p.produce(50)
	p.await(0, "/counter/state/key3", "15")
	all := p.outputs(150)
	for key, counts := range all {
		if fmt.Sprint(counts) != "[1 2 3 4 5 6 7 8 9 10 11 12 13 14 15]" {
			t.Errorf("outputs of %s: %v", key, counts)
		}
	}
	p.await(0, "/counter", `"active":2`)
}

func TestAResetBeginsAnewWithOrWithoutTheState(t *testing.T) {
	p := newPlant(t, 1, 0)
	p.produce(50)
	p.await(0, "/counter/state/key3", "5")
	p.tell(0, "reset", `{"to":"start","state":"discard"}`)
	p.outputs(100)
	p.await(0, "/counter/state/key3", "5")
	p.tell(0, "reset", `{"to":"start","state":"keep"}`)
	p.await(0, "/counter/state/key3", "10")
}

// Whichever node is asked, and whichever has the task.
func TestNodesShareTasksAndPassReadsOn(t *testing.T) {
	p := newPlant(t, 2, 1)
	p.produce(40)
	for i := range 2 {
		p.await(i, "/counter", `"partition":3,"owner"`)
		for key := range 10 {
			p.await(i, fmt.Sprintf("/counter/state/key%d", key), "4")
		}
	}
	// Each has some of the tasks in the end, and copies of the others.
	deadline := p.deadline()
	for {
		_, body, _ := p.ask(1, http.MethodGet, "/counter", "")
		var d struct {
			Versions []struct {
				Members []struct{ Tasks, Standbys []int32 }
			}
		}
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatal(err)
		}
		m := d.Versions[0].Members
		if len(m) == 2 && len(m[0].Tasks) == 2 && len(m[1].Tasks) == 2 && fmt.Sprint(m[0].Standbys, m[1].Standbys) == fmt.Sprint(m[1].Tasks, m[0].Tasks) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("tasks are not shared: %s", body)
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.tell(1, "pause", "")
	p.await(0, "/counter", `"paused":true`)
	p.produce(10)
	p.tell(0, "resume", "")
	p.await(1, "/counter/state/key3", "5")
	for key, counts := range p.outputs(50) {
		if fmt.Sprint(counts) != "[1 2 3 4 5]" {
			t.Errorf("outputs of %s: %v", key, counts)
		}
	}
}
