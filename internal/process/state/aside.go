package state

import "sync"

// An aside puts runs aside, one at a time, in a goroutine of its own, while the next one is
// filled.
type aside struct {
	full    *run // is put aside, or empty
	writer  runWriter
	running sync.WaitGroup
	// The rest is the goroutine's while it runs.
	file *runFile
	err  error
}

// begin begins to put a run aside, and gives an empty one for it. The one before is done.
func (a *aside) begin(r *run, name string) *run {
	r, a.full = a.full, r
	if r == nil {
		r = &run{}
	}
	a.running.Go(func() { a.file, a.err = a.writer.write(a.full, name) })
	return r
}

// wait waits until the run is put aside, and gives its file, once. An error stays: what was
// in the run is lost.
func (a *aside) wait() (*runFile, error) {
	a.running.Wait()
	file := a.file
	a.file = nil
	if a.full != nil && a.err == nil {
		a.full.clear()
	}
	return file, a.err
}
