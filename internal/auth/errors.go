package auth

import (
	"errors"
	"fmt"
)

// What a client did wrong, besides [FailedError].
var (
	// ErrUnsupportedMechanism names a mechanism that is not served here
	// (UNSUPPORTED_SASL_MECHANISM).
	ErrUnsupportedMechanism = errors.New("unsupported SASL mechanism")
	// ErrIllegalState is for a message at the wrong time (ILLEGAL_SASL_STATE).
	ErrIllegalState = errors.New("unexpected SASL message")
)

// FailedError says that a client could not prove who it is
// (SASL_AUTHENTICATION_FAILED).
type FailedError struct {
	// Mechanism is how it tried.
	Mechanism Mechanism
	// User is the name that was claimed, if it came to that.
	User string
	// Reason is for the node's log. It may tell that a user exists.
	Reason string
	// Public is for the client. It does not.
	Public string
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("authentication failed: %s as %s: %s", e.Mechanism, shortened(e.User), e.Reason)
}

// shortened quotes a name that somebody unknown chose.
func shortened(name string) string {
	const enough = 64
	if len(name) > enough {
		return fmt.Sprintf("%q…", name[:enough])
	}
	return fmt.Sprintf("%q", name)
}
