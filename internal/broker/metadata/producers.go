package metadata

import "sync"

// producerIDBlock is how many producer ids are reserved with one write.
const producerIDBlock = 1000

// producerIDs hands out ids that were reserved on disk before.
type producerIDs struct {
	mu struct {
		sync.Mutex
		next, end int64
	}
	// reserving is held while a block is being reserved; mu is not.
	reserving sync.Mutex
}

func (p *producerIDs) start(next int64) { p.mu.next, p.mu.end = next, next }

// take returns an id if one is left.
func (p *producerIDs) take() (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.next == p.mu.end {
		return 0, false
	}
	p.mu.next++
	return p.mu.next - 1, true
}

// ProducerID hands out an id for an idempotent producer, never given out
// before (KIP-98). It may wait for the disk.
func (s *Store) ProducerID() (int64, error) {
	for {
		if id, ok := s.producers.take(); ok {
			return id, nil
		}
		if err := s.reserveProducerIDs(); err != nil {
			return 0, err
		}
	}
}

func (s *Store) reserveProducerIDs() error {
	p := &s.producers
	p.reserving.Lock()
	defer p.reserving.Unlock()
	p.mu.Lock()
	end, left := p.mu.end, p.mu.end-p.mu.next
	p.mu.Unlock()
	if left > 0 { // another caller was faster
		return nil
	}
	r, err := newRecord(producerIDsKey, producerIDsValue{formatVersion, end + producerIDBlock})
	if err != nil {
		return err
	}
	if err := s.partition.write([]record{r}); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.end = end + producerIDBlock
	return nil
}
