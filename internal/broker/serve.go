package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// acceptPause is how long a listener rests when the system is out of resources,
// such as file descriptors.
const acceptPause = 50 * time.Millisecond

// Serve accepts connections on l until ctx ends or the broker is closed, then
// closes l and its connections, waits for them and returns nil. Any other end
// of l is an error.
func (b *Broker) Serve(ctx context.Context, l net.Listener, info ListenerInfo) error {
	if !b.work.enter() {
		return errors.Join(errClosing, l.Close())
	}
	defer b.work.leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(b.ctx, func() { cancel(errClosing) })()
	defer context.AfterFunc(ctx, func() { l.Close() })()

	var conns workers
	err := b.accept(ctx, l, info, &conns)
	cancel(errClosing)
	conns.wait()
	return err
}

func (b *Broker) accept(ctx context.Context, l net.Listener, info ListenerInfo, conns *workers) error {
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			conns.start(func() { b.ServeConn(ctx, nc, info) })
		case ctx.Err() != nil:
			return nil
		case isExhausted(err):
			b.cfg.Logger.Warn("cannot accept a connection", "listener", info.Name, "err", err)
			time.Sleep(acceptPause)
		default:
			return fmt.Errorf("listener %s: %w", info.Name, err)
		}
	}
}

// isExhausted tells errors that pass, because the system is out of something or
// the client has gone already, from those that end a listener.
func isExhausted(err error) bool {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// ServeConn serves one connection until the client or the broker closes it or
// ctx ends, and closes it.
func (b *Broker) ServeConn(ctx context.Context, nc net.Conn, info ListenerInfo) {
	if !b.work.enter() {
		nc.Close()
		return
	}
	defer b.work.leave()
	defer nc.Close()
	b.metrics.connections.Inc()
	defer b.metrics.connections.Dec()

	c := newConn(b, nc, info)
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	defer c.cancel(nil)
	defer context.AfterFunc(b.ctx, func() { c.close(errClosing) })()
	err := c.run()
	if r := reason(err); r != "" {
		b.metrics.connectionErrors.WithLabelValues(r).Inc()
		b.cfg.Logger.Warn("closed a connection", "listener", info.Name, "remote", nc.RemoteAddr().String(), "err", err)
	}
}
