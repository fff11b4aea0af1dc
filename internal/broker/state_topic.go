package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

// stateReadBytes is how much of a coordinator's topic is read at once.
const stateReadBytes = 1 << 20

// stateTopic is an internal topic for its coordinator. It implements
// [statetopic.Store].
type stateTopic struct {
	broker *Broker
	spec   metadata.Spec // how it is created
}

func (s stateTopic) topic() *metadata.Topic { return s.broker.store.Snapshot().Topic(s.spec.Name) }

// partition returns the partition numbered n, or an error.
func (s stateTopic) partition(n int32) (*log.Partition, error) {
	if t := s.topic(); t != nil && t.Partition(n) != nil {
		return t.Partition(n), nil
	}
	return nil, fmt.Errorf("%w: %s-%d", metadata.ErrUnknownTopic, s.spec.Name, n)
}

// Partitions implements [statetopic.Store].
func (s stateTopic) Partitions() int32 {
	if t := s.topic(); t != nil {
		return int32(len(t.Partitions))
	}
	return 0
}

// Create implements [statetopic.Store].
func (s stateTopic) Create(context.Context) (int32, error) {
	c := s.broker.store.Create([]metadata.Spec{s.spec}, false)[0]
	if c.Err != nil && !errors.Is(c.Err, metadata.ErrExists) {
		return 0, c.Err
	}
	return s.Partitions(), nil
}

// Append implements [statetopic.Store].
func (s stateTopic) Append(partition int32, raw []byte, done func(error)) {
	s.append(partition, raw, log.AppendOptions{Ack: log.AckDurable}, done)
}

func (s stateTopic) append(partition int32, raw []byte, o log.AppendOptions, done func(error)) {
	p, err := s.partition(partition)
	if err == nil {
		_, err = p.AppendWith(raw, o, done)
	}
	if errors.Is(err, log.ErrBatchTooLarge) {
		err = fmt.Errorf("%w: %w", statetopic.ErrTooLarge, err)
	}
	if err != nil {
		done(err)
	}
}

// AppendTransactional implements [group.Store].
func (s stateTopic) AppendTransactional(partition int32, raw []byte, admit func() *kerr.Error, done func(error)) {
	o := log.AppendOptions{Ack: log.AckDurable, Coordinator: true}
	o.Admit = func() error {
		if err := admit(); err != nil {
			return err
		}
		return nil
	}
	s.append(partition, raw, o, done)
}

// AppendMarker implements [group.Store].
func (s stateTopic) AppendMarker(partition int32, m log.Marker, done func(error)) {
	p, err := s.partition(partition)
	if err == nil {
		err = p.AppendMarker(m, done)
	}
	if err != nil {
		done(err)
	}
}

// Read implements [statetopic.Store].
func (s stateTopic) Read(ctx context.Context, partition int32, fn func([]byte) error) error {
	p, err := s.partition(partition)
	if err != nil {
		return err
	}
	for at := p.LogStart(); at < p.HighWatermark(); {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		raw, next, err := readWhole(p, at)
		if err != nil {
			return fmt.Errorf("read %s-%d from offset %d: %w", s.spec.Name, partition, at, err)
		}
		if err := fn(raw); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// readWhole reads whole batches from offset at on, at least one, and tells
// which offset follows.
func readWhole(p *log.Partition, at int64) (raw []byte, next int64, err error) {
	slice, err := p.Read(at, stateReadBytes, true)
	if err != nil {
		return nil, 0, err
	}
	defer slice.Close()
	if raw, err = slice.Bytes(); err != nil {
		return nil, 0, err
	}
	next = at
	for rest := raw; len(rest) > 0; {
		b, after, err := batch.Next(rest)
		if errors.Is(err, batch.ErrShort) && next > at { // the last batch is cut
			return raw[:len(raw)-len(rest)], next, nil
		}
		if err != nil {
			return nil, 0, err
		}
		rest, next = after, b.LastOffset()+1
	}
	if next == at {
		return nil, 0, fmt.Errorf("%w: no records below the high watermark %d", log.ErrCorruption, p.HighWatermark())
	}
	return raw, next, nil
}
