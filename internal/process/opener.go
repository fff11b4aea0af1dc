package process

import "errors"

// An Opener is a handler that keeps in its own memory what its stores say, since it has
// to find things quicker than they do.
type Opener interface {
	Handler
	// Open is called once, before the handler is given anything else, and has no
	// deadline: a state of gigabytes takes its time to read. The step's stores can be
	// read, and nothing else be done with it. An error is no record's: the task waits,
	// and Open is called again, of a new handler.
	//
	// What a handler has in memory is not undone with its step. It compares it with its
	// stores at each call, or keeps nothing there that a step could take back.
	Open(Step) error
}

// ErrReject is wrapped by errors that no other attempt would mend: the record goes to
// the dead letters at once, whatever the policy's attempts are.
var ErrReject = errors.New("rejected")
