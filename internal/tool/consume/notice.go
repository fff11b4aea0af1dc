package consume

import (
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// notice tells whoever waits for records that the node is away, and when it is
// back, since the client goes on trying without a word. It implements
// [kgo.HookBrokerConnect].
type notice struct {
	w io.Writer

	mu              sync.Mutex
	connected, away bool // there was a connection; the last attempt failed
}

// OnBrokerConnect is called after every attempt to connect.
func (n *notice) OnBrokerConnect(b kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	address := net.JoinHostPort(b.Host, fmt.Sprint(b.Port))
	switch {
	case err == nil && n.away:
		fmt.Fprintf(n.w, "evident: %s is back\n", address)
	case err != nil && n.connected && !n.away:
		fmt.Fprintf(n.w, "evident: %s is away: waiting for it, Ctrl-C ends\n", address)
	}
	n.connected = n.connected || err == nil
	n.away = err != nil
}
