package client

import "context"

// room waits until there is room in memory for more records; false when ctx has ended.
// While there is none, the Kafka client keeps what it has fetched, and fetches no more.
// A partition whose first record waits for its next attempt would keep all others
// waiting: it is paused, and what waits there does not count.
func (s *session) room(ctx context.Context) bool {
	for ctx.Err() == nil {
		parts := s.parts()
		full := s.crew.board.room(parts, s.c.buffer)
		s.flowOf(parts)
		if full == nil {
			return true
		}
		select {
		case <-full:
		case <-ctx.Done():
		}
	}
	return false
}

// flowOf pauses and resumes partitions.
func (s *session) flowOf(parts []*part) {
	s.flow.Lock()
	defer s.flow.Unlock()
	pause, resume := s.crew.board.stuck(parts, s.c.buffer)
	if len(pause) > 0 {
		s.kafka.PauseFetchPartitions(pause)
	}
	if len(resume) > 0 {
		s.kafka.ResumeFetchPartitions(resume)
	}
}

// resume resumes partitions that are given up, for whoever has them next may be this
// member again.
func (s *session) resume(parts []*part) {
	s.flow.Lock()
	defer s.flow.Unlock()
	if paused := s.crew.board.unpause(parts); len(paused) > 0 {
		s.kafka.ResumeFetchPartitions(paused)
	}
}
