package vfs

import (
	"errors"
	"io"
)

// AfterEffect is for the hook of a [Faulty]: the operation is done all the
// same, and then reported as failed with err.
func AfterEffect(err error) error { return &fault{err: err, done: true} }

// ShortWrite is for the hook of a [Faulty]: of an OpWrite the first n bytes are
// written, and WriteAt returns n and err. Any other operation fails undone. On a
// direct handle n is a multiple of BlockSize, as it is on a disk.
func ShortWrite(n int, err error) error {
	if err == nil {
		err = io.ErrShortWrite
	}
	return &fault{err: err, written: n}
}

// fault says what becomes of an operation that a hook fails.
type fault struct {
	err     error
	done    bool
	written int
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// faultOf reads the error of a hook. Plain errors stop the operation.
func faultOf(err error) fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return *f
	}
	return fault{err: err}
}

// CrashAt is a hook for [Faulty]: the power goes as the nth mutating operation
// begins, so neither it nor any that follows has an effect. If the workload
// ends with [Faulty.Mutations] below n, it was not hit.
func CrashAt(n int) func(Op) error {
	return func(op Op) error {
		if op.N >= n {
			return ErrCrashed
		}
		return nil
	}
}

// CrashAfter is a hook for [Faulty]: the power goes as the nth mutating
// operation ends, so it has its effect but its caller never knows, and none
// that follows has any.
func CrashAfter(n int) func(Op) error {
	return func(op Op) error {
		switch {
		case op.N < n:
			return nil
		case op.N == n && op.Kind.Mutates():
			return AfterEffect(ErrCrashed)
		}
		return ErrCrashed
	}
}
