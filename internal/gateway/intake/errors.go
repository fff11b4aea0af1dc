package intake

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Errors of this package, for errors.Is.
var (
	// ErrNoTopic says that there is no such topic, and that it is not made.
	ErrNoTopic = errors.New("there is no such topic")
	// ErrReserved says that a topic is the system's own.
	ErrReserved = errors.New("topics whose names begin with __ are the system's own, and take no events")
	// ErrTooLarge says that an event is too large for its topic.
	ErrTooLarge = errors.New("too large for the topic")
	// ErrUnavailable says that the log did not take an event, or has not said that it
	// did: who sends it again writes it once, whichever it was.
	ErrUnavailable = errors.New("not acknowledged")
)

// An EventError says which event of a submission cannot be written, and why. Nothing of
// the submission was.
type EventError struct {
	Index int // from 0
	Err   error
}

func (e *EventError) Error() string { return fmt.Sprintf("event %d: %v", e.Index, e.Err) }

// Unwrap returns what is wrong with the event.
func (e *EventError) Unwrap() error { return e.Err }

// refusals are errors after which a record is certainly not in the log.
var refusals = []error{
	kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.PolicyViolation, kerr.InvalidTopicException,
	kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.ThrottlingQuotaExceeded, kgo.ErrMaxBuffered,
}

// refused tells whether a record is certainly not in the log.
func refused(err error) bool {
	for _, r := range refusals {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}

// explained is an error of the log as those are told who sent the event.
func explained(topic string, err error) error {
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return fmt.Errorf("%w %q: %w", ErrTooLarge, topic, err)
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.InvalidTopicException):
		return fmt.Errorf("%w: %q: %w", ErrNoTopic, topic, err)
	case errors.Is(err, kerr.UnknownTopicID):
		return fmt.Errorf("%w: topic %q was deleted, and there is another one of its name now: send it again", ErrUnavailable, topic)
	case errors.Is(err, kgo.ErrMaxBuffered):
		return fmt.Errorf("%w: topic %q: too many events wait for the log: send it again later", ErrUnavailable, topic)
	case refused(err):
		return fmt.Errorf("topic %q: %w", topic, err)
	}
	return fmt.Errorf("%w: topic %q: %w", ErrUnavailable, topic, err)
}
