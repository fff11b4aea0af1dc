package client_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/node"
)

type dial = func(ctx context.Context, network, host string) (net.Conn, error)

// A line is the way to a node, which can be cut, and lead to another.
type line struct {
	mu    sync.Mutex
	dial  dial // nil: it is cut
	conns []net.Conn
}

var errCut = errors.New("the line is cut")

func (l *line) connect(ctx context.Context, network, host string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dial == nil {
		return nil, errCut
	}
	conn, err := l.dial(ctx, network, host)
	if err == nil {
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

// cut ends all connections and lets no others come.
func (l *line) cut() { l.lead(nil) }

// lead ends all connections; others are made by d.
func (l *line) lead(d dial) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dial = d
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

// to is a line to where a client with these options goes.
func to(t testing.TB, opts []kgo.Opt) *line {
	return &line{dial: dialOf(t, opts)}
}

func dialOf(t testing.TB, opts []kgo.Opt) dial {
	t.Helper()
	k, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	d, ok := k.OptValue(kgo.Dialer).(dial)
	if !ok {
		t.Fatal("the node's clients have no dialer")
	}
	return d
}

// another is a second program on the same node, with a line of its own.
func (f *fixture) another() (*fixture, *line) {
	f.Helper()
	l := to(f.T, f.c.Kafka().Opts())
	return connect(f.T, append(f.c.Kafka().Opts(), kgo.Dialer(l.connect))), l
}

// sameMember has whoever comes back, or in one's place, have its partitions at once.
func sameMember() client.ConsumerOption { return client.ConsumerKafka(kgo.InstanceID("one")) }

// A restartable is a node that can be stopped and started on the same disk.
type restartable struct {
	t    *testing.T
	cfg  node.Config
	node *node.Node
	line *line
}

func startRestartable(t *testing.T) (*fixture, *restartable) {
	t.Helper()
	r := &restartable{t: t, cfg: evidenttest.Config(), line: &line{}}
	t.Cleanup(r.stop)
	r.start()
	opts := append(r.node.ClientOptions(), kgo.Dialer(r.line.connect))
	return connect(t, opts), r
}

func (r *restartable) start() {
	r.t.Helper()
	n, err := node.Start(r.t.Context(), r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.node = n
	r.line.lead(dialOf(r.t, n.ClientOptions()))
}

func (r *restartable) stop() {
	if r.node == nil {
		return
	}
	r.line.cut()
	if err := r.node.Close(); err != nil {
		r.t.Errorf("stopping the node: %v", err)
	}
	r.node = nil
}
