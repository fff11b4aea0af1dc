package share

import (
	"math"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Epochs with a meaning of their own.
const (
	openSession  = 0
	closeSession = -1
)

// sessionKey names a session: a member has one.
type sessionKey struct{ group, member string }

// session is which partitions a member reads (KIP-932: share session), so that
// its requests carry only what changed.
type session struct {
	key    sessionKey
	conn   any           // the connection that opened it, with which it ends
	closed chan struct{} // closed when the session is

	mu struct {
		sync.Mutex
		epoch int32 // expected next
		left  bool  // the member left the group, and has not been heard of since
		parts map[place]*part
		order []*part
	}
}

// part is a partition in a session.
type part struct {
	place
	partition *partition // nil: the group has not begun with it; guarded by session.mu
	told      bool       // it has been in an answer; guarded by session.mu
}

// nextEpoch skips the values that have a meaning of their own.
func nextEpoch(epoch int32) int32 {
	if epoch == math.MaxInt32 {
		return 1
	}
	return epoch + 1
}

// put adds a partition.
func (s *session) put(at place) {
	if s.mu.parts[at] == nil {
		p := &part{place: at}
		s.mu.parts[at] = p
		s.mu.order = append(s.mu.order, p)
	}
}

// sessions are those of all members, at most limit.
type sessions struct {
	limit int
	mu    struct {
		sync.Mutex
		byKey map[sessionKey]*session
	}
}

func newSessions(limit int) *sessions {
	s := &sessions{limit: limit}
	s.mu.byKey = make(map[sessionKey]*session)
	return s
}

// open makes a session, in place of one that the member may have, which it
// returns as old.
func (s *sessions) open(key sessionKey, conn any) (opened, old *session, err *kerr.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.mu.byKey[key]
	if old == nil && len(s.mu.byKey) >= s.limit {
		return nil, nil, kerr.ShareSessionLimitReached
	}
	opened = &session{key: key, conn: conn, closed: make(chan struct{})}
	opened.mu.epoch, opened.mu.parts = 1, make(map[place]*part)
	s.mu.byKey[key] = opened
	if old != nil {
		close(old.closed)
	}
	return opened, old, nil
}

// resume finds the session that a request with the given epoch continues.
func (s *sessions) resume(key sessionKey, epoch int32) (*session, *kerr.Error) {
	s.mu.Lock()
	found := s.mu.byKey[key]
	s.mu.Unlock()
	if found == nil {
		return nil, kerr.ShareSessionNotFound
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	if epoch != found.mu.epoch {
		return nil, kerr.InvalidShareSessionEpoch
	}
	found.mu.epoch, found.mu.left = nextEpoch(epoch), false
	return found, nil
}

// leave notes that the member has left its group. It returns false if there is no
// session.
func (s *sessions) leave(key sessionKey) bool {
	s.mu.Lock()
	found := s.mu.byKey[key]
	s.mu.Unlock()
	if found == nil {
		return false
	}
	found.mu.Lock()
	found.mu.left = true
	found.mu.Unlock()
	return true
}

func (s *session) hasLeft() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.left
}

// remove takes the member's session away and returns it, or nil.
func (s *sessions) remove(key sessionKey) *session {
	return s.removeIf(key, func(*session) bool { return true })
}

func (s *sessions) removeIf(key sessionKey, yes func(*session) bool) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.mu.byKey[key]
	if found == nil || !yes(found) {
		return nil
	}
	delete(s.mu.byKey, key)
	close(found.closed)
	return found
}

// of are the sessions that a connection has opened.
func (s *sessions) of(conn any) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*session
	for _, one := range s.mu.byKey {
		if one.conn == conn {
			all = append(all, one)
		}
	}
	return all
}

// take removes a partition and returns it, or nil. The lock is held.
func (s *session) take(at place) *part {
	p := s.mu.parts[at]
	if p == nil {
		return nil
	}
	delete(s.mu.parts, at)
	for i, o := range s.mu.order {
		if o == p {
			s.mu.order = append(s.mu.order[:i:i], s.mu.order[i+1:]...)
			break
		}
	}
	return p
}

// turn gives the partitions in the order in which they are to be asked, which
// begins with another one each time. The slice is the caller's.
func (s *session) turn() []*part {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.mu.order)
	if n == 0 {
		return nil
	}
	first := int(s.mu.epoch) % n
	return append(append(make([]*part, 0, n), s.mu.order[first:]...), s.mu.order[:first]...)
}

// news are the partitions that have not been in an answer; they are from now on.
func (s *session) news() []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []place
	for _, p := range s.mu.order {
		if !p.told {
			p.told = true
			all = append(all, p.place)
		}
	}
	return all
}

func (s *session) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}
