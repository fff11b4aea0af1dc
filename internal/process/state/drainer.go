package state

import "sync"

// A drainer gives Pebble what is pending of all tasks of a DB, beside their steps: of
// those that have enough, and of all when it was not done for long.
type drainer struct {
	calls   chan struct{} // holds one if there may be something to do
	done    chan struct{} // closed when it is to end
	running sync.WaitGroup
}

func (d *drainer) start(work func()) {
	d.calls, d.done = make(chan struct{}, 1), make(chan struct{})
	d.running.Go(func() {
		for {
			select {
			case <-d.done:
				return
			case <-d.calls:
				work()
			}
		}
	})
}

// call has it look around.
func (d *drainer) call() {
	select {
	case d.calls <- struct{}{}:
	default:
	}
}

// stop ends it, and waits for that.
func (d *drainer) stop() {
	if d.done != nil {
		close(d.done)
		d.running.Wait()
		d.done = nil
	}
}

// drainSome is what the drainer does. It can only fail with the DB, which keeps why.
func (db *DB) drainSome() {
	late := db.late.Swap(false)
	for _, t := range db.tasks() {
		if late {
			_ = t.drain()
		} else {
			_ = t.drainFrozen()
		}
	}
	if late {
		db.beginFlush()
	}
}

// drainAll gives Pebble what is pending of all tasks.
func (db *DB) drainAll() error {
	for _, t := range db.tasks() {
		if err := t.drain(); err != nil {
			return err
		}
	}
	return nil
}

// tasks are those in memory.
func (db *DB) tasks() []*Task {
	db.mu.Lock()
	defer db.mu.Unlock()
	list := make([]*Task, 0, len(db.mu.tasks))
	for _, t := range db.mu.tasks {
		list = append(list, t)
	}
	return list
}
