package processing

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/dedup"
)

// The codes of a child that de-duplicate: a topic by the records' keys, and one each of
// whose records stands for many.
const (
	dedupCode = "dedup"
	fillCode  = "dedup-fill"
)

// deduplication is the processor that does so.
func deduplication(code string, j job) (process.Processor, error) {
	key, err := dedup.ParseKey("key")
	if err != nil {
		return process.Processor{}, err
	}
	p, err := dedup.New(dedup.Config{Name: j.Name, Version: 1, Input: j.Input, Output: j.Output, Key: key, Limit: j.IDs})
	if code == fillCode {
		made := p.New
		p.New = func(t process.Task) process.Handler { return &many{Handler: made(t), calls: j.Calls} }
	}
	return p, err
}

// many has the code of a de-duplication handle many records for each one: with ids,
// stores, changelog and commits as they are, and without the records themselves.
type many struct {
	process.Handler
	calls  int64
	key    [stampLen]byte
	record kgo.Record
}

// Open implements [process.Opener].
func (m *many) Open(s process.Step) error { return m.Handler.(process.Opener).Open(s) }

// Handle handles the records that r stands for.
func (m *many) Handle(s process.Step, r *kgo.Record) error {
	number, err := numberOf(r.Key)
	if err != nil {
		return err
	}
	for i := range m.calls {
		binary.BigEndian.PutUint64(m.key[:], uint64(number*m.calls+i))
		m.record = kgo.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: m.key[:]}
		if err := m.Handler.Handle(quiet{s}, &m.record); err != nil {
			return err
		}
	}
	return nil
}

// quiet is a step that writes nothing.
type quiet struct{ process.Step }

// Emit does nothing.
func (quiet) Emit(process.Output) error { return nil }
