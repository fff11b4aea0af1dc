package share

import "github.com/evidentlog/evident/internal/broker/share/snapshot"

// Left tells that somebody is not a member of a group any more: what it had
// locked is available again. If it left orderly, what it had was never delivered,
// and that waits for the end of its session: the acknowledgements it ends with may
// come by another connection, and behind the word that it leaves (librdkafka).
func (c *Coordinator) Left(group, member string, orderly bool) {
	key := sessionKey{group, member}
	if orderly && c.sessions.leave(key) {
		return
	}
	c.abandon(c.sessions.remove(key))
	for _, p := range c.pick(group, func(snapshot.Key) bool { return true }) {
		p.release(member, !orderly)
	}
}

// Disconnected ends the sessions that a connection has opened: what their members
// had locked is available again. It counts as delivered, for it may be why the
// member has gone, unless that had left orderly before.
func (c *Coordinator) Disconnected(conn any) {
	for _, s := range c.sessions.of(conn) {
		if c.sessions.removeIf(s.key, func(found *session) bool { return found == s }) != nil {
			c.end(s, !s.hasLeft())
		}
	}
}

// end releases what the member of a closed session has locked, and returns the
// flushes of that.
func (c *Coordinator) end(s *session, counted bool) map[place]*flush {
	flushes := make(map[place]*flush)
	s.mu.Lock()
	parts := s.mu.order
	s.mu.order, s.mu.parts = nil, make(map[place]*part)
	s.mu.Unlock()
	for _, p := range parts {
		if p.partition != nil {
			if f := p.partition.release(s.key.member, counted); f != nil {
				flushes[p.place] = f
			}
		}
	}
	disuse(parts)
	return flushes
}

// abandon forgets the partitions of a closed session, which may be nil. What its
// member has locked stays so.
func (c *Coordinator) abandon(s *session) {
	if s == nil {
		return
	}
	s.mu.Lock()
	parts := s.mu.order
	s.mu.order, s.mu.parts = nil, make(map[place]*part)
	s.mu.Unlock()
	disuse(parts)
}

// disuse lets go the partitions of a session that has ended, or forgotten them.
func disuse(parts []*part) {
	for _, p := range parts {
		if p.partition != nil {
			p.partition.disuse()
		}
	}
}
