package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
)

// call is one request on its way through the broker.
type call struct {
	conn        *conn
	api         *api
	version     int16
	correlation int32
	clientID    string
	received    time.Time
	body        []byte  // behind the header
	buffer      *buffer // holds body; nil if body has memory of its own
	hold        hold    // released by start, or after handle
	flexible    bool
	size        int           // of the request, without its length
	waited      time.Duration // of the time in handle; it is not the broker's

	answer answer // guarded by conn.out.mu; nil until there is one
}

// principal is who sent the request.
func (c *call) principal() auth.Principal { return c.conn.principal }

// answer is what the writer sends for a call.
type answer interface {
	// write frames the answer into w. Afterwards, and if it failed, the answer has
	// been released.
	write(w *frameWriter, c *call) error
	// drop releases an answer that is not sent.
	drop()
}

// response is an answer that the codec encodes.
type response struct{ kmsg.Response }

func (r response) write(w *frameWriter, c *call) error { return w.frame(c, r) }

func (r response) encode(dst []byte, _ *call) []byte { return r.AppendTo(dst) }

func (r response) drop() {}

// throttle implements throttler.
func (r response) throttle(ms int32) {
	have, ok := r.Response.(kmsg.ThrottleResponse)
	if !ok {
		return
	}
	if told, _ := have.Throttle(); told < ms {
		r.Response.(kmsg.SetThrottleResponse).SetThrottle(ms)
	}
}

// silence is the answer of a request that gets none.
type silence struct{}

func (silence) write(*frameWriter, *call) error { return nil }
func (silence) drop()                           {}

// done gives back what the request holds. The body is gone.
func (c *call) done() {
	c.releaseBody()
	c.conn.broker.budget.release(&c.hold)
}

// releaseBody lets the body's memory be used again; what it is charged for stays
// charged.
func (c *call) releaseBody() {
	c.body = nil
	if c.buffer != nil {
		c.conn.broker.buffers.put(c.buffer)
		c.buffer = nil
	}
}

// fail closes the call's connection.
func (c *call) fail(err error) { c.conn.close(err) }
