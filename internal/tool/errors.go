package tool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// UsageError says that a command was typed wrongly: what to do about it is to
// type it differently, not to look at the node.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what was wrong.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef makes a [UsageError] with a message, as [fmt.Errorf] does.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// LateError says what did not come in time. [Client.Explain] leaves it as it is
// unless it knows that the cluster cannot be reached.
type LateError struct {
	// Text is the whole message.
	Text string
}

func (e *LateError) Error() string { return e.Text }

// Unwrap returns [context.DeadlineExceeded].
func (e *LateError) Unwrap() error { return context.DeadlineExceeded }

// RefusedError is an error code that the cluster answered.
type RefusedError struct {
	// Doing is what was attempted: `create topic "orders"`.
	Doing string
	// Code is the Kafka error.
	Code error
	// Message is what the cluster said beyond the code, if anything.
	Message string
	// Hint is what to do about it, if that is known.
	Hint string
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("cannot %s: %s", e.Doing, e.reason())
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// Unwrap returns the Kafka error.
func (e *RefusedError) Unwrap() error { return e.Code }

// reason is the cluster's message, or else Kafka's description of the code,
// without the full stop that would end our own sentence early.
func (e *RefusedError) reason() string {
	var code *kerr.Error
	if !errors.As(e.Code, &code) {
		return e.Code.Error()
	}
	reason := e.Message
	if reason == "" {
		reason = code.Description
	}
	reason = strings.TrimRight(strings.TrimSpace(reason), ".")
	if len(reason) > 1 && reason[1] >= 'a' && reason[1] <= 'z' {
		reason = strings.ToLower(reason[:1]) + reason[1:]
	}
	return fmt.Sprintf("%s (%s)", reason, code.Message)
}
