package demo

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// stage is what a service under test has: its stores and its timers.
type stage struct {
	stores map[string]memory
	timers map[string]process.Timer
}

func newStage() *stage {
	return &stage{stores: make(map[string]memory), timers: make(map[string]process.Timer)}
}

// testStep is a step whose outputs go to a function.
type testStep struct {
	*stage
	emit func(*kgo.Record)
}

func (s testStep) Context() context.Context { return context.Background() }
func (s testStep) Now() time.Time           { return morning }
func (s testStep) EventTime() time.Time     { return morning }

func (s testStep) Emit(o process.Output) error {
	s.emit(&kgo.Record{Topic: o.Topic, Key: bytes.Clone(o.Key), Value: bytes.Clone(o.Value), Headers: o.Headers})
	return nil
}

func (s testStep) Store(name string) process.Store {
	if s.stores[name] == nil {
		s.stores[name] = memory{}
	}
	return s.stores[name]
}

func (s testStep) SetTimer(t process.Timer) error {
	s.timers[string(t.Key)+" "+t.Name] = t
	return nil
}

func (s testStep) StopTimer(t process.Timer) error {
	delete(s.timers, string(t.Key)+" "+t.Name)
	return nil
}

// memory is a store.
type memory map[string]string

func (m memory) Get(key []byte) ([]byte, bool, error) {
	value, ok := m[string(key)]
	return []byte(value), ok, nil
}

func (m memory) Put(key, value []byte) error {
	m[string(key)] = string(value)
	return nil
}

func (m memory) PutUntil(key, value []byte, _ time.Time) error { return m.Put(key, value) }

func (m memory) Delete(key []byte) error {
	delete(m, string(key))
	return nil
}

func (m memory) Range(from, to []byte) iter.Seq2[process.Entry, error] {
	return func(yield func(process.Entry, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if key >= string(from) && (to == nil || key < string(to)) && !yield(process.Entry{Key: []byte(key), Value: []byte(m[key])}, nil) {
				return
			}
		}
	}
}
