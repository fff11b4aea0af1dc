package metadata

import "sync"

// names lets one change at a time work on a topic or a group (by its key), so
// that no lock is held while a change waits for the disk. Names that collide
// (see collisionKey) count as one.
type names struct {
	mu struct {
		sync.Mutex
		busy  map[string]bool   // by collision key
		taken map[string]string // topic name by collision key
	}
	freed sync.Cond // uses mu
}

func newNames() *names {
	n := &names{}
	n.mu.busy = make(map[string]bool)
	n.mu.taken = make(map[string]string)
	n.freed.L = &n.mu
	return n
}

// lock waits until no other change works on any of the topics; unlock must
// follow with the same names.
func (n *names) lock(topics ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.anyBusy(topics) {
		n.freed.Wait()
	}
	for _, t := range topics {
		n.mu.busy[collisionKey(t)] = true
	}
}

func (n *names) anyBusy(topics []string) bool {
	for _, t := range topics {
		if n.mu.busy[collisionKey(t)] {
			return true
		}
	}
	return false
}

func (n *names) unlock(topics ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range topics {
		delete(n.mu.busy, collisionKey(t))
	}
	n.freed.Broadcast()
}

// take reserves the name unless another topic has it, which it then returns.
func (n *names) take(topic string) (holder string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := collisionKey(topic)
	if holder = n.mu.taken[key]; holder == "" {
		n.mu.taken[key] = topic
	}
	return holder
}

func (n *names) free(topic string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.taken, collisionKey(topic))
}
