package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Errors of this package, for errors.Is. Those of brokers are franz-go's, in package
// kerr, below the ones that say where and what.
var (
	// ErrClosed says that what was asked of is closed, or was never run.
	ErrClosed = errors.New("it is closed")
	// ErrDeadline says that a handler was not done within its policy's deadline.
	ErrDeadline = errors.New("the handler was not done by its deadline")
	// ErrStuck says that so many handlers have outlived their deadlines, and still run,
	// that the consumer stops.
	ErrStuck = errors.New("too many handlers do not return after their deadline")
	// ErrRepeated is what a handler returns that finds an event to be done already.
	ErrRepeated = errors.New("the event is done already")
	// ErrNoAnswer says that no answer to a request came in time.
	ErrNoAnswer = errors.New("no answer came in time")
	// ErrTableFull says that a topic has more keys than its table may.
	ErrTableFull = errors.New("more keys than the table may hold")
)

// permanent is an error that trying again does not mend.
type permanent struct{ err error }

func (e *permanent) Error() string { return e.err.Error() }
func (e *permanent) Unwrap() error { return e.err }

// Permanent says of a handler's error that trying again is of no use: the event goes to
// the dead letters at once. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

// IsPermanent tells whether an error is one that [Permanent] made.
func IsPermanent(err error) bool {
	var p *permanent
	return errors.As(err, &p)
}

// A ProduceError says which event could not be written. It wraps why.
type ProduceError struct {
	Topic     string
	Partition int32 // -1 if it was not chosen yet
	ID        string
	Err       error
}

func (e *ProduceError) Error() string {
	where := "topic " + e.Topic
	if e.Partition >= 0 {
		where += fmt.Sprintf(", partition %d", e.Partition)
	}
	return fmt.Sprintf("produce event %q to %s: %v%s", e.ID, where, e.Err, advice(e.Err))
}

// Unwrap returns why.
func (e *ProduceError) Unwrap() error { return e.Err }

// A HandleError says which event a handler failed on for good. It wraps why.
type HandleError struct {
	Position
	Attempts int
	Err      error
}

func (e *HandleError) Error() string {
	return fmt.Sprintf("%v: given up after %d attempts: %v", e.Position, e.Attempts, e.Err)
}

// Unwrap returns why.
func (e *HandleError) Unwrap() error { return e.Err }

// A PanicError is a panic of a handler.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("the handler panicked: %v", e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A ReadError says what could not be read, and what reading it came to.
type ReadError struct {
	Topic     string
	Partition int32 // -1: all of them
	Err       error
}

func (e *ReadError) Error() string {
	where := "topic " + e.Topic
	if e.Partition >= 0 {
		where += fmt.Sprintf(", partition %d", e.Partition)
	}
	return fmt.Sprintf("read %s: %v%s", where, e.Err, advice(e.Err))
}

// Unwrap returns why.
func (e *ReadError) Unwrap() error { return e.Err }

// A RequestError says which request was not answered, or refused, and where it lies.
type RequestError struct {
	Position        // of the request; Offset is -1 if it was not written
	ID       string // of the request
	After    time.Duration
	Err      error // wraps ErrNoAnswer, a *Refusal, or why it was not written
}

func (e *RequestError) Error() string {
	where := e.Position.String()
	if e.Offset < 0 {
		where = "topic " + e.Topic
	}
	return fmt.Sprintf("request %q at %s: %v (after %v)", e.ID, where, e.Err, e.After.Round(time.Millisecond))
}

// Unwrap returns why.
func (e *RequestError) Unwrap() error { return e.Err }

// advice says what to do about an error of a broker; nothing if there is nothing to say
// beyond it.
func advice(err error) string {
	for _, a := range []struct {
		err  error
		does string
	}{
		{kerr.UnknownTopicOrPartition, "create the topic, or let the client do it with WithKafka(kgo.AllowAutoTopicCreation())"},
		{kerr.UnknownTopicID, "the topic was deleted and made again; what comes next goes to the new one"},
		{kerr.MessageTooLarge, "it is larger than the topic's max.message.bytes; store the data elsewhere (event.CheckIn)"},
		{kerr.TopicAuthorizationFailed, "the user may not do this with the topic"},
		{kerr.GroupAuthorizationFailed, "the user may not use the consumer group"},
		{kerr.TransactionalIDAuthorizationFailed, "the user may not use the transactional id"},
	} {
		if errors.Is(err, a.err) {
			return ": " + a.does
		}
	}
	return ""
}
