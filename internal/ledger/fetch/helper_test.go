package fetch

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// brief is a wait that ends by itself.
const brief = 20 * time.Millisecond

// sizes counts the bytes of Fetch requests and their answers.
type sizes struct {
	mu          sync.Mutex
	asked, told int
}

var _ interface {
	kgo.HookBrokerWrite
	kgo.HookBrokerRead
} = (*sizes)(nil)

func (s *sizes) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, bytes int, _, _ time.Duration, _ error) {
	s.count(key, &s.asked, bytes)
}

func (s *sizes) OnBrokerRead(_ kgo.BrokerMetadata, key int16, bytes int, _, _ time.Duration, _ error) {
	s.count(key, &s.told, bytes)
}

func (s *sizes) count(key int16, n *int, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == int16(kmsg.Fetch) {
		*n += bytes
	}
}

// take tells how many there were since it was asked last.
func (s *sizes) take() (asked, told int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, told = s.asked, s.told
	s.asked, s.told = 0, 0
	return asked, told
}
