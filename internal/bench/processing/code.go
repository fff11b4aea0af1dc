package processing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/bench"
	"github.com/evidentlog/evident/internal/process"
)

// storeName is the store of the processors that have one.
const storeName = "values"

// errRecord says that a record is not one of the benchmark's.
var errRecord = errors.New("no record of this benchmark")

// groupOf is the consumer group of a job's processor.
func groupOf(j job) string { return "evident-process." + j.Name + ".1" }

// processorOf is the processor that runs code on a job.
func processorOf(code string, j job, fired *firing) (process.Processor, error) {
	if code == dedupCode || code == fillCode {
		return deduplication(code, j)
	}
	p := process.Processor{Name: j.Name, Version: 1, Inputs: []string{j.Input}}
	switch code {
	case Identity:
	case Timers:
		p.Timers = true
	default:
		p.Stores = []process.StoreConfig{{Name: storeName}}
	}
	switch code {
	case Identity:
		p.New = func(process.Task) process.Handler { return identity(j) }
	case Count:
		p.New = func(process.Task) process.Handler { return counter(j) }
	case State, Restore:
		p.New = func(process.Task) process.Handler { return accessor(j, code == State) }
	case Timers:
		p.New = func(process.Task) process.Handler { return alarms{j, fired} }
	default:
		return p, fmt.Errorf("%w: there is no code %q", bench.ErrConfig, code)
	}
	return p, nil
}

// identity copies records.
func identity(j job) process.HandlerFunc {
	return func(s process.Step, r *kgo.Record) error {
		return s.Emit(process.Output{Topic: j.Output, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp})
	}
}

// counter counts records by their key, and writes each count.
func counter(j job) process.HandlerFunc {
	return func(s process.Step, r *kgo.Record) error {
		counts := s.Store(storeName)
		var value [8]byte
		was, ok, err := counts.Get(r.Key)
		if err != nil {
			return err
		}
		if ok {
			copy(value[:], was)
		}
		binary.BigEndian.PutUint64(value[:], binary.BigEndian.Uint64(value[:])+1)
		if err := counts.Put(r.Key, value[:]); err != nil {
			return err
		}
		return s.Emit(process.Output{Topic: j.Output, Key: r.Key, Value: value[:]})
	}
}

// accessor writes, and reads before if it is to, the keys that belong to the number
// that is the record's key.
func accessor(j job, reads bool) process.HandlerFunc {
	return func(s process.Step, r *kgo.Record) error {
		number, err := numberOf(r.Key)
		if err != nil {
			return err
		}
		values := s.Store(storeName)
		var key, value [8]byte
		for i := range j.Calls {
			binary.BigEndian.PutUint64(key[:], uint64(number*j.Calls+i))
			if reads {
				if _, _, err := values.Get(key[:]); err != nil {
					return err
				}
			}
			binary.BigEndian.PutUint64(value[:], uint64(number))
			if err := values.Put(key[:], value[:]); err != nil {
				return err
			}
		}
		return nil
	}
}

// numberOf is the number that a record's key or value begins with.
func numberOf(b []byte) (int64, error) {
	if len(b) < stampLen {
		return 0, fmt.Errorf("%w: it has %d bytes where a number is to be", errRecord, len(b))
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// firing is what all tasks of a child measure of their timers.
type firing struct {
	mu    sync.Mutex
	count int64
	late  bench.Histogram
}

func (f *firing) add(late time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	f.late.Record(late)
}

// answer is what a child tells of its timers.
func (f *firing) answer() answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return answer{Fired: f.count, Late: f.late.Latency()}
}

// alarms sets a timer for each record, and tells how late it fires.
type alarms struct {
	j     job
	fired *firing
}

func (a alarms) Handle(s process.Step, r *kgo.Record) error {
	number, err := numberOf(r.Value)
	if err != nil {
		return err
	}
	at := time.UnixMilli(a.j.Base).Add(time.Duration(float64(number) / float64(a.j.FireRate) * float64(time.Second)))
	return s.SetTimer(process.Timer{Key: r.Key, At: at})
}

func (a alarms) Fire(s process.Step, t process.Timer) error {
	a.fired.add(time.Since(t.At))
	return s.Emit(process.Output{Topic: a.j.Output, Key: t.Key})
}
