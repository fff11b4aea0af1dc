package client

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// writer writes records with a Kafka client. A topic that is deleted and made again
// fails for that client until it is told to forget the old one, which may not be done
// where it tells of the failure; so the next write does.
type writer struct {
	kafka *kgo.Client

	mu struct {
		sync.Mutex
		gone map[string]struct{} // topics to be forgotten
		err  error               // the first failure since it was asked for
	}
}

// write writes a record; done is called when it is durable, or is not written.
func (w *writer) write(ctx context.Context, r *kgo.Record, done func(Position, error)) {
	if w.isGone(r.Topic) {
		w.kafka.PurgeTopicsFromProducing(r.Topic)
	}
	if at, there := placeOf(r.Context); there {
		ctx = placed(ctx, at)
	}
	r.Context = ctx
	w.kafka.Produce(ctx, r, func(r *kgo.Record, err error) {
		if err == nil {
			done(Position{r.Topic, r.Partition, r.Offset}, nil)
			return
		}
		w.failed(r.Topic, err)
		done(Position{r.Topic, -1, -1}, err)
	})
}

func (w *writer) failed(topic string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.err == nil {
		w.mu.err = err
	}
	if !errors.Is(err, kerr.UnknownTopicID) {
		return
	}
	if w.mu.gone == nil {
		w.mu.gone = make(map[string]struct{})
	}
	w.mu.gone[topic] = struct{}{}
}

// failure is why the first of the records that have failed since it was asked for did.
func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.mu.err
	w.mu.err = nil
	return err
}

// isGone tells whether a topic is to be forgotten, to one caller only.
func (w *writer) isGone(topic string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, gone := w.mu.gone[topic]
	delete(w.mu.gone, topic)
	return gone
}
