package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/quota"
	"github.com/evidentlog/evident/internal/log/batch"
)

// bytesOf encodes a request with its length.
func bytesOf(req kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw")).AppendRequest(nil, req, 1)
}

// begins is the beginning of a request.
func begins(size int32, key, version int16, rest string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(size))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	return string(b) + rest
}

// Whatever comes over the wire, the broker closes that connection, says why,
// and goes on.
func TestGarbageClosesItsConnectionOnly(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := start(t, func(c *Config) { c.Metrics = registry })
	s.create(1, nil, "t")
	good := bytesOf(produceRequest(9, -1, s.store.Snapshot().Topic("t"), records(t, batch.Head{}, "a")))
	cut := string(good[:len(good)-20])
	for name, c := range map[string]struct{ bytes, reason string }{
		"text":                   {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "too_large"},
		"TLS":                    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "too_large"},
		"negative length":        {begins(-1, 3, 1, ""), "too_large"},
		"length of nothing":      {begins(0, 3, 1, ""), "too_large"},
		"length above the limit": {begins(100<<20+1, 0, 9, ""), "too_large"},
		"large control request":  {begins(16<<20+1, 3, 9, ""), "too_large"},
		"unknown key":            {begins(100, 999, 0, ""), "unsupported"},
		"negative key":           {begins(100, -1, 0, ""), "unsupported"},
		"key of no handler":      {begins(100, 7, 0, ""), "unsupported"},
		"version too high":       {begins(100, 3, 99, ""), "unsupported"},
		"version too low":        {begins(100, 1, 3, ""), "unsupported"},
		"negative version":       {begins(100, 3, -1, ""), "unsupported"},
		"client id beyond end":   {begins(10, 3, 1, "\x00\x00\x00\x01\x7f\xff"), "malformed"},
		"client id of -2":        {begins(10, 3, 1, "\x00\x00\x00\x01\xff\xfe"), "malformed"},
		"header tags beyond end": {begins(12, 3, 9, "\x00\x00\x00\x01\xff\xff\xff\x7f"), "malformed"},
		"metadata of 2 billion":  {begins(14, 3, 1, "\x00\x00\x00\x01\xff\xff\x7f\xff\xff\xff"), "malformed"},
		"produce that breaks":    {begins(14, 0, 9, "\x00\x00\x00\x01\xff\xff\x00\x00\xff\xff"), "malformed"},
		"join that breaks":       {begins(14, 11, 5, "\x00\x00\x00\x01\xff\xff\x00\x09\x00\x00"), "malformed"},
	} {
		before := testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues(c.reason))
		conn := s.dial()
		io.WriteString(conn, c.bytes)
		conn.closed()
		waitFor(t, func() bool {
			return testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues(c.reason)) == before+1
		}, "%s is not counted as %s", name, c.reason)
	}
	half := s.dial()
	io.WriteString(half, cut)
	half.Close()
	s.produce(s.client(), "t", "x") // the broker is well
	if n := s.store.Snapshot().Topic("t").Partition(0).HighWatermark(); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

// waitFor gives what is asynchronous some time.
func waitFor(t testing.TB, done func() bool, format string, args ...any) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Errorf(format, args...)
}

// A length is only a claim: memory grows with what arrives.
func TestClaimedLengthsTakeNoMemory(t *testing.T) {
	for _, key := range []int16{keyProduce, 3} {
		for _, arrived := range []int{0, 100, minBuffer, 5 * minBuffer} {
			b := &Broker{cfg: Config{}.withDefaults(), budget: newBudget(1 << 40)}
			client, server := net.Pipe()
			go func() {
				client.Write(make([]byte, arrived))
				client.Close()
			}()
			cl := &call{conn: newConn(b, server, ListenerInfo{}), api: &api{key: key}}
			if _, err := cl.conn.readBody(cl, 16<<20); !errors.Is(err, errGone) {
				t.Fatal(err)
			}
			per := int64(1)
			if key != keyProduce {
				per = controlFactor
			}
			if got, most := cl.hold.bytes/per, int64(2*arrived+minBuffer); got > most {
				t.Errorf("key %d: %d bytes came, %d are taken, want at most %d", key, arrived, got, most)
			}
		}
	}
}

// pipe serves one end of an in-process connection and returns the other.
func (b *Broker) pipe(t *testing.T) net.Conn {
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		b.ServeConn(context.Background(), server, ListenerInfo{})
		close(done)
	}()
	t.Cleanup(func() {
		client.Close()
		<-done
	})
	return client
}

// stub is a broker that can serve connections but has no log.
func stub(change ...func(*Config)) *Broker {
	cfg := Config{}.withDefaults()
	for _, f := range change {
		f(&cfg)
	}
	b := &Broker{cfg: cfg, budget: newBudget(cfg.QueuedRequestBytes), scratches: newScratches()}
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	b.writeBuffers.New = func() any { p := make([]byte, 0, writeBuffer); return &p }
	b.sessions = newFetchSessions(1, time.Now)
	b.meter = quota.NewMeter(quota.Config{Table: func() *quota.Table { return nil }, Windows: 11, Window: time.Second})
	b.table[3] = &api{key: 3, max: 13, flexible: 9, handle: func(ctx context.Context, c *call) (answer, error) {
		return response{kmsg.NewPtrMetadataResponse()}, nil
	}}
	b.metrics, _ = newMetrics(nil, b.table, b.sessions.count)
	return b
}

func TestIdleAndStalledConnectionsAreClosed(t *testing.T) {
	for name, c := range map[string]struct {
		sent  []byte
		after time.Duration
	}{
		"nothing":           {nil, 10 * time.Minute},
		"half a prefix":     {bytesOf(kmsg.NewPtrMetadataRequest())[:3], 10 * time.Minute},
		"half a request":    {bytesOf(kmsg.NewPtrMetadataRequest())[:9], 30 * time.Second},
		"answer never read": {bytesOf(kmsg.NewPtrMetadataRequest()), 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := stub()
				client := b.pipe(t)
				client.Write(c.sent)
				time.Sleep(c.after - time.Second)
				synctest.Wait()
				if n := testutil.ToFloat64(b.metrics.connections); n != 1 {
					t.Error("closed too early")
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if n := testutil.ToFloat64(b.metrics.connections); n != 0 {
					t.Error("not closed")
				}
			})
		})
	}
}

// A client that does not read its answers is not read from without end.
func TestUnreadAnswersStopTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stub()
		client := b.pipe(t)
		sent := 0
		go func() {
			for {
				if _, err := client.Write(bytesOf(kmsg.NewPtrMetadataRequest())); err != nil {
					return
				}
				sent++
			}
		}()
		synctest.Wait()
		if sent > maxInFlight+readBuffer/10 {
			t.Errorf("%d requests were taken", sent)
		}
	})
}

// A handler that fails unexpectedly costs its connection, nothing else.
func TestPanicEndsTheConnection(t *testing.T) {
	b := stub()
	var text strings.Builder
	b.cfg.Logger = newTextLogger(&text)
	b.table[3].handle = func(context.Context, *call) (answer, error) { panic("boom") }
	client := b.pipe(t)
	client.Write(bytesOf(kmsg.NewPtrMetadataRequest()))
	if _, err := io.Copy(io.Discard, client); err != nil {
		t.Error(err)
	}
	waitFor(t, func() bool { return testutil.ToFloat64(b.metrics.connections) == 0 }, "still connected")
	if got := text.String(); !strings.Contains(got, "boom") || !strings.Contains(got, "garbage_test.go") {
		t.Errorf("the log says %q", got)
	}
}

// Close ends connections that wait, and refuses new ones.
func TestCloseEndsEverything(t *testing.T) {
	s := start(t)
	topic := s.topic("t", 1)
	waiting, idle := s.dial(), s.dial()
	req := fetchMany(12, topic, want{0, 0})
	req.MaxWaitMillis = 600_000
	waiting.send(req)
	s.stop()
	waiting.closed()
	idle.closed()
	client, server := net.Pipe()
	s.ServeConn(context.Background(), server, s.info)
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("a closed broker serves")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(context.Background(), ln, s.info); !errors.Is(err, errClosing) {
		t.Errorf("a closed broker serves: %v", err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	s := start(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- s.Serve(ctx, ln, s.info) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}
