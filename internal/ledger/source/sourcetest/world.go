// Package sourcetest holds the properties that every reader of the ledger has, as
// tests that its implementations run, on a log and a broker in memory. It is for
// tests only.
package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker"
	"github.com/evidentlog/evident/internal/engine"
	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// Leader is the id of a world's broker.
const Leader = 1

// A World is a log with the broker that serves it.
type World struct {
	Log    *log.Log
	Client *kgo.Client

	t      *testing.T
	engine *engine.Engine
	admin  *kadm.Client
	held   atomic.Pointer[chan struct{}] // syncs wait for it
}

// NewWorld makes a world that ends with the test.
func NewWorld(t *testing.T) *World {
	t.Helper()
	w := &World{t: t}
	disk := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if held := w.held.Load(); held != nil && op.Kind == vfs.OpSync {
			<-*held
		}
		return nil
	})
	l, err := log.Open(log.Config{FS: disk, Dir: "/data"})
	w.ok(err)
	t.Cleanup(func() { w.ok(l.Close()) })
	b, err := broker.New(broker.Config{
		Log: l, NodeID: Leader, Logger: slog.New(slog.DiscardHandler), OffsetsPartitions: 1, TransactionsPartitions: 1, ShareStatePartitions: 1,
	})
	w.ok(err)
	t.Cleanup(b.Close)
	inside := broker.ListenerInfo{Name: "test", AdvertisedHost: engine.EmbeddedHost, AdvertisedPort: engine.EmbeddedPort}
	w.engine = engine.New(func(ctx context.Context, conn net.Conn) { b.ServeConn(ctx, conn, inside) })
	t.Cleanup(w.engine.Close)
	w.Log = l
	w.Client = w.NewClient()
	w.admin = kadm.NewClient(w.Client)
	return w
}

// NewClient makes a client that ends with the test.
func (w *World) NewClient(opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	c, err := w.engine.Client(opts...)
	w.ok(err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *World) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Create makes a topic.
func (w *World) Create(topic string, partitions int32) (id [16]byte) {
	w.t.Helper()
	made, err := w.admin.CreateTopic(w.t.Context(), partitions, 1, nil, topic)
	w.ok(errors.Join(err, made.Err))
	return made.ID
}

func (w *World) delete(topic string) {
	w.t.Helper()
	gone, err := w.admin.DeleteTopic(w.t.Context(), topic)
	w.ok(errors.Join(err, gone.Err))
}

// removeBefore makes a partition begin at an offset.
func (w *World) removeBefore(topic string, offset int64) {
	w.t.Helper()
	var at kadm.Offsets
	at.AddOffset(topic, 0, offset, -1)
	_, err := w.admin.DeleteRecords(w.t.Context(), at)
	w.ok(err)
}

// Append appends a batch with a record for each value, and waits until it is durable.
func (w *World) Append(topic string, partition int32, values ...string) {
	w.t.Helper()
	w.append(topic, partition, batch.Head{}, values...)
}

func (w *World) append(topic string, partition int32, h batch.Head, values ...string) {
	w.t.Helper()
	w.ok(<-w.begin(topic, partition, h, values...))
}

// begin appends a batch without waiting.
func (w *World) begin(topic string, partition int32, h batch.Head, values ...string) <-chan error {
	w.t.Helper()
	var codecs batch.Codecs
	b := codecs.NewBuilder(h)
	for _, v := range values {
		w.ok(b.Append(batch.Record{Timestamp: time.Now().UnixMilli(), Value: []byte(v)}))
	}
	raw, err := b.Build()
	w.ok(err)
	done := make(chan error, 1)
	_, err = w.Log.Partition(topic, partition).Append(bytes.Clone(raw), log.AckDurable, func(err error) { done <- err })
	w.ok(err)
	return done
}

// hold makes nothing durable until what it returns is called.
func (w *World) hold() (release func()) {
	held := make(chan struct{})
	w.held.Store(&held)
	return func() {
		w.held.Store(nil)
		close(held)
	}
}

// partition is one of a topic.
func partition(topic string, id [16]byte, number int32) source.Partition {
	return source.Partition{Key: source.Key{ID: id, Number: number}, Topic: topic}
}
