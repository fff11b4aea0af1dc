package local

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/log"
)

// turn tells of one partition what there is to tell, and returns how many bytes of
// records that was.
func (r *Reader) turn(e *entry, take source.Take) (bytes int) {
	next, goOn := e.offset, true
	tell := func(a source.Answer) {
		a.Key = e.Key
		next, goOn = take(a)
	}
	err := e.trouble(r)
	if err == nil {
		bytes, err = r.records(e, &next, &goOn, tell)
	}
	if err != nil {
		tell(source.Answer{Err: kafkaError(err)})
	}
	e.offset = next
	switch {
	case !goOn || err != nil && !errors.Is(err, log.ErrOffsetOutOfRange):
		r.Forget(e.Key)
	case err != nil, e.log.HighWatermark() != next: // there is more, or it is not at its place
		r.queue(e)
	}
	return bytes
}

// trouble is why a partition cannot be read. One that is stopped after an error of
// the disk can.
func (e *entry) trouble(r *Reader) error {
	if !r.find(e) {
		return kerr.UnknownTopicID
	}
	if err := e.log.Err(); errors.Is(err, log.ErrDeleted) || errors.Is(err, log.ErrClosed) {
		return err
	}
	return nil
}

// records tells of the records from *next on, or that the log begins elsewhere.
func (r *Reader) records(e *entry, next *int64, goOn *bool, tell func(source.Answer)) (bytes int, err error) {
	a := source.Answer{LogStart: e.log.LogStart(), HighWatermark: e.log.HighWatermark()}
	if e.offset == a.HighWatermark && e.logStart == a.LogStart {
		return 0, nil
	}
	if e.offset == a.HighWatermark {
		e.logStart = a.LogStart
		tell(a)
		return 0, nil
	}
	slice, err := e.log.Read(e.offset, turnMost, true)
	if err != nil {
		return 0, err // the log start is told when something can be read
	}
	defer slice.Close()
	e.logStart = a.LogStart
	err = slice.Runs(&r.scratch, func(run []byte, after int64) bool {
		a.Batches, a.HighWatermark = run, max(a.HighWatermark, after)
		bytes += len(run)
		tell(a)
		return *goOn && *next == after
	})
	if err == nil && bytes == 0 {
		err = fmt.Errorf("%w: no batch at offset %d, below the high watermark %d", log.ErrCorruption, e.offset, a.HighWatermark)
	}
	return bytes, err
}

// kafkaError is what a broker would answer, with the log's own words.
func kafkaError(err error) error {
	for _, c := range []struct{ log, kafka error }{
		{log.ErrOffsetOutOfRange, kerr.OffsetOutOfRange},
		{log.ErrDeleted, kerr.UnknownTopicOrPartition},
		{log.ErrClosed, kerr.NotLeaderForPartition},
		{log.ErrStorage, kerr.KafkaStorageError},
		{log.ErrCorruption, kerr.KafkaStorageError},
	} {
		if errors.Is(err, c.log) {
			return fmt.Errorf("%w: %w", c.kafka, err)
		}
	}
	return err
}
