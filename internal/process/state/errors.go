package state

import "errors"

var (
	// ErrCorrupt is wrapped by errors that say that state on disk is damaged. The DB has
	// to be closed; the next Open of the folder discards what is in it.
	ErrCorrupt = errors.New("corrupt state")
	// ErrFailed is wrapped by all errors after the disk has failed a write: the DB has to
	// be closed, and may be opened again. Nothing that was committed to the changelog is
	// lost.
	ErrFailed = errors.New("state has failed")
	// ErrFull says that the disk has too little room left. Nothing was changed, and the
	// same can be tried again.
	ErrFull = errors.New("too little room on the disk for state")
	// ErrClosed is for what is asked of a DB after Close.
	ErrClosed = errors.New("state is closed")
	// ErrVersion is wrapped by errors about a folder or a changelog that a later version
	// of the program wrote.
	ErrVersion = errors.New("state of a later version")
	// ErrMalformed is wrapped by errors about records of a changelog, or entries, that
	// this package cannot have written.
	ErrMalformed = errors.New("malformed change")
	// ErrNoStore is for a store that the processor does not declare.
	ErrNoStore = errors.New("no such store")
	// ErrTooLarge is for a key with its value that the changelog would not take.
	ErrTooLarge = errors.New("entry too large")
	// ErrConfig is wrapped by errors about a configuration.
	ErrConfig = errors.New("invalid configuration of state")
)
