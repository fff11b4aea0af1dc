package store

// Reopen lets a store that has stopped go on from what its files have, as Open
// does, and under the lock that it holds. Heads that were published stay: they are
// durable. Trees that are in no durable round are forgotten, and their numbers
// are given to others. The goroutine that commits calls it; while it does, reads
// see what they saw before.
func (s *Store) Reopen() error {
	s.releases.Wait()
	_ = s.journal.close() // it has failed, and what it has is read again
	s.readers.forget()
	fresh := newStore(s.fs, s.dir, s.limit)
	defer fresh.readers.close()
	if err := fresh.recover(); err != nil {
		_ = fresh.journal.close() // as above
		return err
	}
	s.journal, s.round, s.rootTree, s.rootEnd = fresh.journal, fresh.round, fresh.rootTree, fresh.rootEnd
	s.linker, s.dirty, s.unlinked, s.written = fresh.linker, fresh.dirty, fresh.unlinked, fresh.written
	s.tails.forget() // all that the journal had is in its places now
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.byOrigin, s.mu.heads, s.mu.opened, s.mu.next = fresh.mu.byOrigin, fresh.mu.heads, nil, fresh.mu.next
	s.mu.changes++
	s.mu.rootSize, s.mu.rootHash, s.mu.erasures = fresh.mu.rootSize, fresh.mu.rootHash, fresh.mu.erasures
	s.mu.failed = nil
	return nil
}
