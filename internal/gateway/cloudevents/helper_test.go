package cloudevents_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/gateway/cloudevents"
	"github.com/evidentlog/evident/internal/gateway/intake"
	"github.com/evidentlog/evident/internal/gateway/live"
)

// A door is one for events to a node, with a client of it, over connections in memory.
type door struct {
	t      *testing.T
	node   *evidenttest.Node
	api    *cloudevents.API
	client *http.Client
	// kill ends the door's process in the middle of what it does.
	kill func()
}

// open opens a door to a node with a topic orders.
func open(t *testing.T, n *evidenttest.Node, change func(*intake.Config, *cloudevents.Config)) *door {
	t.Helper()
	process := n.Process("gateway")
	from := intake.Config{Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(process.Options(), opts...)...)
	}}
	cfg := cloudevents.Config{MayWrite: func(*http.Request) error { return nil }, MayRead: func(*http.Request) error { return nil }}
	if change != nil {
		change(&from, &cfg)
	}
	in, err := intake.New(from)
	if err != nil {
		t.Fatal(err)
	}
	readers, err := live.New(live.Config{Client: from.Client})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Intake, cfg.Live = in, readers
	api, err := cloudevents.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	api.Handle(mux)
	wires := &wires{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(wires) // it ends by Close
	}()
	transport := &http.Transport{DialContext: wires.dial}
	d := &door{t: t, node: n, api: api, client: &http.Client{Transport: transport}}
	d.kill = func() {
		process.Kill()
		_ = server.Close() // its connections break
	}
	t.Cleanup(func() {
		api.Close()
		readers.Close()
		in.Close()
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	return d
}

// wires are connections in memory.
type wires struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (w *wires) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wires) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

func (w *wires) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (w *wires) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.conns <- there:
		return here, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A place is where an answer says that an event is.
type place struct {
	Index     int
	ID        string
	Topic     string
	Partition int32
	Offset    int64
	Status    int
	Detail    string
}

// An answer is that of a request.
type answer struct {
	status int
	header http.Header
	text   string
}

// json reads the answer, which must have a status.
func (a answer) json(t *testing.T, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("the answer is %d %s, want %d", a.status, a.text, status)
	}
	if err := json.Unmarshal([]byte(a.text), v); err != nil {
		t.Fatalf("%v: %s", err, a.text)
	}
}

// send sends a request with a body of a content type; it is tried once.
func (d *door) send(path, contentType string, body io.Reader, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, "http://gateway.example"+path, body)
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := d.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

// post sends to the topic orders.
func (d *door) post(contentType, body string, header ...string) answer {
	d.t.Helper()
	a, err := d.send("/v1/topics/orders/events", contentType, strings.NewReader(body), header...)
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// text is an event as JSON.
func text(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/shop","type":"order.placed","subject":"order-%s","data":{"n":%q}}`, id, id, id)
}

// logged are the events of the topic orders, by their places.
func (d *door) logged() map[place]event.Event {
	d.t.Helper()
	client := d.node.Client()
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(d.t.Context(), "orders")
	if err != nil {
		d.t.Fatal(err)
	}
	left := int64(0)
	at := map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		left += o.Offset
		at[o.Partition] = kgo.NewOffset().AtStart()
	})
	all := map[place]event.Event{}
	reader := d.node.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": at}))
	defer reader.Close()
	for int64(len(all)) < left {
		fetches := reader.PollFetches(d.t.Context())
		if err := fetches.Err(); err != nil {
			d.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			e, err := event.FromRecord(record(r))
			if err != nil {
				d.t.Fatalf("the record at %d: %v", r.Offset, err)
			}
			all[place{ID: e.ID, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}] = e
		})
	}
	return all
}

func record(r *kgo.Record) *event.Record {
	headers := make([]event.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = event.Header(h)
	}
	return &event.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value, Headers: headers}
}

// topic makes the topic orders with partitions.
func topic(t *testing.T, n *evidenttest.Node, partitions int32) {
	t.Helper()
	client := n.Client()
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, -1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
}
