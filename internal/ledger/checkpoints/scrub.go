package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// scrubbed is how many slots are read at once, and errorsShown how many errors
// are returned of a file.
const (
	scrubbed    = 256
	errorsShown = 8
)

// Damage returns what was found rotten when the log was opened; nil if nothing was.
func (l *Log) Damage() error {
	errs := []error{l.kept.rotten}
	for _, s := range l.witnesses() {
		errs = append(errs, s.rotten)
	}
	return errors.Join(errs...)
}

// Scrub reads all that is kept, and returns what of it is not as it was written
// (ErrCorrupt) or cannot be read. It rests between pieces of some hundred
// checkpoints, and ends with ctx.
func (l *Log) Scrub(ctx context.Context, rest time.Duration) error {
	var errs []error
	for _, s := range append(l.witnesses(), l.kept) {
		errs = append(errs, s.scrub(ctx, rest))
	}
	return errors.Join(errs...)
}

func (s *slots) scrub(ctx context.Context, rest time.Duration) error {
	var errs []error
	count, _ := s.end()
	before := int64(-1)
	for i := range count {
		if i%scrubbed == scrubbed-1 && !wait(ctx, rest) {
			return errors.Join(errs...)
		}
		e, err := s.at(i)
		if err == nil && e.size <= before {
			err = fmt.Errorf("%w: %s: checkpoint %d has size %d, and one before it %d", ErrCorrupt, s.file.Name(), i, e.size, before)
		}
		if err == nil {
			before = e.size
			continue
		}
		if errs = append(errs, err); len(errs) == errorsShown {
			return errors.Join(append(errs, fmt.Errorf("%s: the rest was not read", s.file.Name()))...)
		}
	}
	return errors.Join(errs...)
}

// wait rests, and tells whether ctx goes on.
func wait(ctx context.Context, rest time.Duration) bool {
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
