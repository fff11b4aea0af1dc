package consumer

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Refusal is why a request is refused: Kafka's error, and a message for people.
type Refusal struct {
	Code    *kerr.Error
	Message string
}

func refuse(code *kerr.Error, format string, args ...any) error {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// Unwrap returns Kafka's error.
func (r *Refusal) Unwrap() error { return r.Code }

// codeOf is Kafka's error of err, which is or wraps one; nil for nil.
func codeOf(err error) *kerr.Error {
	var code *kerr.Error
	if errors.As(err, &code) || err == nil {
		return code
	}
	return kerr.UnknownServerError
}
