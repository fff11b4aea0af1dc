package evidenttest

// gate is a lock for what takes time. Whoever waits for a sync.Mutex in a bubble of
// testing/synctest keeps time from passing, and with it the one who has the lock.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) lock()   { g <- struct{}{} }
func (g gate) unlock() { <-g }
