package broker

import (
	"context"
	"slices"
	"time"
)

// writeLoop answers the connection's calls in order until that fails.
func (c *conn) writeLoop() error {
	w := c.newWriter()
	for {
		cl := c.next()
		if cl == nil {
			if err := c.flush(w); err != nil {
				return err
			}
			select {
			case <-c.wake:
			case <-c.ctx.Done():
				return context.Cause(c.ctx)
			}
			continue
		}
		if err := c.respond(w, cl); err != nil {
			return err
		}
		c.answered()
	}
}

func (c *conn) newWriter() *frameWriter {
	return &frameWriter{conn: c.net, stall: c.broker.cfg.StallTimeout, pool: &c.broker.writeBuffers}
}

// next takes the call whose turn it is, if it has an answer or is to be
// handled now.
func (c *conn) next() *call {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if len(c.out.calls) == 0 {
		return nil
	}
	cl := c.out.calls[0]
	if cl.answer == nil && cl.api.handle == nil {
		return nil
	}
	c.out.calls = slices.Delete(c.out.calls, 0, 1)
	return cl
}

// respond writes the call's answer, handling it first if need be.
func (c *conn) respond(w *frameWriter, cl *call) error {
	a := cl.answer
	began := c.broker.quotaClock()
	if cl.api.handle != nil {
		defer cl.done()
		if err := c.flush(w); err != nil { // the handler may wait
			return err
		}
		began = c.broker.quotaClock()
		var err error
		if a, err = c.handle(cl); err != nil {
			return err
		}
	}
	if t, ok := a.(throttler); ok {
		t.throttle(cl.useTime(c.broker.quotaTime(began) - cl.waited))
	}
	began = c.broker.quotaClock()
	if err := a.write(w, cl); err != nil {
		return err
	}
	cl.countTime(c.broker.quotaTime(began))
	c.broker.metrics.answered(cl.api, time.Duration(c.broker.cfg.Now().Sub(cl.received)))
	return nil
}

func (c *conn) handle(cl *call) (a answer, err error) {
	defer c.recover(cl, &err)
	return cl.api.handle(c.ctx, cl)
}

func (c *conn) flush(w *frameWriter) error {
	err := w.flush()
	c.broker.metrics.sent.Add(float64(w.sent))
	w.sent = 0
	return err
}
