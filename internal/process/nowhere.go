package process

import (
	"fmt"
	"iter"
	"time"
)

// nowhere is a store that the processor does not declare: each use of it is an error.
type nowhere struct{ name string }

func (n nowhere) err() error {
	return fmt.Errorf("%w: %q: the processor has to declare it", ErrNoStore, n.name)
}

func (n nowhere) Get([]byte) ([]byte, bool, error)         { return nil, false, n.err() }
func (n nowhere) Put([]byte, []byte) error                 { return n.err() }
func (n nowhere) PutUntil([]byte, []byte, time.Time) error { return n.err() }
func (n nowhere) Delete([]byte) error                      { return n.err() }
func (n nowhere) Range([]byte, []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { yield(Entry{}, n.err()) }
}
