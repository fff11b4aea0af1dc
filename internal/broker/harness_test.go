package broker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/vfs"
)

// server is a broker on a filesystem in memory, listening on loopback.
type server struct {
	*Broker
	t    testing.TB
	log  *log.Log
	fs   vfs.FS
	addr string
	info ListenerInfo
	stop func()

	powerless bool // the log cannot be closed in order
}

// start starts a server; change may alter its configuration.
func start(t testing.TB, change ...func(*Config)) *server {
	t.Helper()
	return startOn(t, vfs.NewMem(), change...)
}

func startOn(t testing.TB, fs vfs.FS, change ...func(*Config)) *server {
	t.Helper()
	return startIn(t, fs, "/data", change...)
}

func startIn(t testing.TB, fs vfs.FS, dir string, change ...func(*Config)) *server {
	t.Helper()
	return startLog(t, log.Config{FS: fs, Dir: dir}, change...)
}

// startLog starts a server on a log of its own.
func startLog(t testing.TB, logCfg log.Config, change ...func(*Config)) *server {
	t.Helper()
	l, err := log.Open(logCfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Log: l, NodeID: 1, AutoCreateTopics: true, OffsetsPartitions: 4, TransactionsPartitions: 4, ShareStatePartitions: 4, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Broker: b, t: t, log: l, fs: logCfg.FS}
	if s.info = (ListenerInfo{Name: "test"}); logCfg.Dir == inBubble {
		return s
	}
	s.listen()
	t.Cleanup(s.stop)
	return s
}

// inBubble is the folder of a server that does not listen. It is reached by pipes
// and closed by the test, so that time in the test is what the test says.
const inBubble = "/bubble"

// bubble runs f in a synctest bubble with a server of its own.
func bubble(t *testing.T, f func(t *testing.T, s *server), change ...func(*Config)) {
	synctest.Test(t, func(t *testing.T) {
		s := startIn(t, vfs.NewMem(), inBubble, change...)
		defer func() {
			s.Close()
			if err := s.log.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, s)
	})
}

// piped is dial for a server in a bubble.
func (s *server) piped(client string) *raw {
	near, far := net.Pipe()
	go s.ServeConn(context.Background(), far, s.info)
	s.t.Cleanup(func() { near.Close() })
	return &raw{t: s.t, Conn: near, client: client}
}

func (s *server) listen() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	port, _ := strconv.Atoi(s.addr[len("127.0.0.1:"):])
	s.info = ListenerInfo{Name: "test", AdvertisedHost: "127.0.0.1", AdvertisedPort: int32(port)}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), ln, s.info) }()
	s.stop = sync.OnceFunc(func() {
		s.Close()
		if err := <-served; err != nil && !errors.Is(err, errClosing) { // closed before it served
			s.t.Errorf("serve: %v", err)
		}
		if err := s.log.Close(); err != nil && !s.powerless {
			s.t.Errorf("close the log: %v", err)
		}
	})
}

// abandon stops a server whose disk has lost power.
func (s *server) abandon() {
	s.powerless = true
	s.stop()
}

// client returns a franz-go client of the server.
func (s *server) client(opts ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.addr), kgo.MetadataMinAge(10 * time.Millisecond)}, opts...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func (s *server) admin() *kadm.Client { return kadm.NewClient(s.client()) }

func (s *server) create(partitions int32, configs map[string]*string, topics ...string) {
	s.t.Helper()
	rs, err := s.admin().CreateTopics(s.t.Context(), partitions, -1, configs, topics...)
	if err == nil {
		err = rs.Error()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// produce writes the values to the topic and waits until they are durable.
func (s *server) produce(c *kgo.Client, topic string, values ...string) {
	s.t.Helper()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: topic, Value: []byte(v)})
	}
	if err := c.ProduceSync(s.t.Context(), records...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
	// franz-go 1.22.2 may acknowledge its first records of a topic before it notes that
	// it knows the topic, and makes an abort of a commit that comes in between.
	s.await("the client knows the topic", func() bool {
		leader, _, _ := c.PartitionLeader(topic, 0)
		return leader >= 0
	})
}

// consume polls until there are n records.
func consume(t testing.TB, c *kgo.Client, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var values []string
	for len(values) < n {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(values), n, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// follow gives a client a dialer that connects to s, and to another server once
// the client is to move there. In between it waits: franz-go's members of groups
// give up a session that a refused connection interrupts.
func follow(s *server) (dialer kgo.Opt, move func(*server)) {
	var addr atomic.Pointer[string]
	addr.Store(&s.addr)
	moved := make(chan struct{})
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, *addr.Load())
		if err == nil {
			return c, nil
		}
		select {
		case <-moved:
			return new(net.Dialer).DialContext(ctx, network, *addr.Load())
		case <-ctx.Done():
			return nil, err
		}
	}
	return kgo.Dialer(dial), func(to *server) {
		addr.Store(&to.addr)
		close(moved)
	}
}

// raw is a connection without a client behind it.
type raw struct {
	t testing.TB
	net.Conn
	client      string // id; "raw" if empty
	correlation int32
}

func (s *server) dial() *raw {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &raw{t: s.t, Conn: c}
}

// send sends requests in one go.
func (r *raw) send(reqs ...kmsg.Request) {
	r.t.Helper()
	var b []byte
	for _, req := range reqs {
		r.correlation++
		b = append(b, kmsg.NewRequestFormatter(kmsg.FormatterClientID(cmp.Or(r.client, "raw"))).AppendRequest(nil, req, r.correlation)...)
	}
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// ask sends one request and reads its response.
func ask[R kmsg.Response](r *raw, req kmsg.Request) R {
	r.t.Helper()
	r.send(req)
	return receive[R](r, req, r.correlation)
}
