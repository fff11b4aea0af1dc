package broker

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/quota"
)

// quotaClient is whose quota of the kind the call counts for. ok is false if nobody
// has any, and for the node's own clients.
func (c *call) quotaClient(l quota.Limit) (client quota.Client, ok bool) {
	if !c.conn.broker.meter.Limits(l) || c.principal() == auth.InProcess() {
		return quota.Client{}, false
	}
	return quota.Client{User: c.principal().Name, ClientID: c.clientID}, true
}

// use counts what the call has used. Its connection is muted for as long as the
// client has to wait, which use returns in milliseconds.
func (c *call) use(l quota.Limit, amount float64) int32 {
	client, ok := c.quotaClient(l)
	if !ok {
		return 0
	}
	return c.mute(l, c.conn.broker.meter.Use(l, client, amount, time.Now()))
}

// try counts what the call is about to use, unless ok is false: then the client has
// to wait first. The connection is muted as by use.
func (c *call) try(l quota.Limit, amount float64) (ms int32, ok bool) {
	client, limited := c.quotaClient(l)
	if !limited {
		return 0, true
	}
	wait, ok := c.conn.broker.meter.Try(l, client, amount, time.Now())
	return c.mute(l, wait), ok
}

// mostAtOnce is how much the client may use at once.
func (c *call) mostAtOnce(l quota.Limit) int {
	client, ok := c.quotaClient(l)
	if !ok {
		return math.MaxInt
	}
	return int(min(c.conn.broker.meter.Most(l, client), math.MaxInt32))
}

// useTime is use of the broker's time. A wait for that is no longer than a window,
// as in Kafka.
func (c *call) useTime(spent time.Duration) int32 {
	const l = quota.RequestPercentage
	client, ok := c.quotaClient(l)
	if !ok {
		return 0
	}
	b := c.conn.broker
	wait := b.meter.Use(l, client, percentage(spent), time.Now())
	return c.mute(l, min(wait, b.cfg.QuotaWindow))
}

// countTime is useTime of a call that is answered already, or by another goroutine.
func (c *call) countTime(spent time.Duration) {
	if client, ok := c.quotaClient(quota.RequestPercentage); ok {
		c.conn.broker.meter.Use(quota.RequestPercentage, client, percentage(spent), time.Now())
	}
}

// percentage is how much of a second of one processor that is. It is nothing for a
// request that began before anybody had a quota, of which only its waits are known.
func percentage(spent time.Duration) float64 { return 100 * max(0, spent.Seconds()) }

// quotaClock is the time, if anybody has a quota of the broker's time.
func (b *Broker) quotaClock() (now time.Time) {
	if b.meter.Limits(quota.RequestPercentage) {
		now = time.Now()
	}
	return now
}

// quotaTime is the time since quotaClock.
func (b *Broker) quotaTime(began time.Time) time.Duration {
	if began.IsZero() {
		return 0
	}
	return time.Since(began)
}

// mute lets the connection rest for so long, and returns that in milliseconds. It
// is no longer than a connection may go without a request, which ends the wait
// anyway.
func (c *call) mute(l quota.Limit, wait time.Duration) int32 {
	ms := c.rest(wait)
	c.conn.broker.metrics.throttled[l].Add((time.Duration(ms) * time.Millisecond).Seconds())
	return ms
}

// rest is mute for other reasons than a quota.
func (c *call) rest(wait time.Duration) int32 {
	ms := min(wait, c.conn.broker.cfg.IdleTimeout).Milliseconds()
	ms = min(ms, math.MaxInt32)
	if ms <= 0 {
		return 0
	}
	c.conn.rest.extend(time.Duration(ms) * time.Millisecond)
	return int32(ms)
}

// endure waits in the reader until the rest is over, or the client is gone. Records
// that it sent before that, which a request of the given kind brings, are waited
// for all the same.
func (c *conn) endure(a *api) error {
	for left := c.rest.left(); left > 0; left = c.rest.left() {
		err := c.net.SetReadDeadline(time.Now().Add(left))
		if err == nil {
			_, err = c.reader.Peek(c.reader.Size())
		}
		switch {
		case err == nil: // no more can be taken off the socket
			return c.rest.wait(c.ctx)
		case isTimeout(err):
		case isGone(err) && a.key == keyProduce:
			return c.rest.wait(c.ctx)
		case isGone(err):
			return errGone
		default:
			return err
		}
	}
	return nil
}

// throttler is an answer that can tell the client how long its connection is muted.
type throttler interface {
	// throttle sets that, unless the answer tells of longer already.
	throttle(ms int32)
}

// rest is how long a connection is muted: no request that comes then is read, and
// none is queued that would be handled.
type rest struct {
	since time.Time
	end   atomic.Int64 // ns after since
}

// extend makes the rest last for d from now on, if it would not anyway.
func (r *rest) extend(d time.Duration) {
	end := int64(time.Since(r.since) + d)
	for {
		old := r.end.Load()
		if end <= old || r.end.CompareAndSwap(old, end) {
			return
		}
	}
}

// left is how long it still is.
func (r *rest) left() time.Duration {
	if r.end.Load() == 0 {
		return 0
	}
	return max(0, time.Duration(r.end.Load())-time.Since(r.since))
}

// wait returns when the rest is over, or an error when ctx is.
func (r *rest) wait(ctx context.Context) error {
	for {
		left := r.left()
		if left == 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
