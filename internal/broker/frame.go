package broker

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"sync"
	"time"
)

// writeBuffer is how much is gathered before it is sent.
const writeBuffer = 64 << 10

// frameWriter gathers responses and sends them. The connection's writer owns it.
type frameWriter struct {
	conn    net.Conn
	stall   time.Duration
	pool    *sync.Pool // of *[]byte with writeBuffer capacity
	lent    *[]byte    // what buf began as; nil while there is nothing to send
	buf     []byte
	pair    [2][]byte
	buffers net.Buffers
	sent    int64
}

// body is what follows a response's header.
type body interface {
	encode(dst []byte, c *call) []byte
}

// frame frames a response: length, header, body.
func (w *frameWriter) frame(c *call, b body) error {
	start := w.begin(c)
	w.buf = b.encode(w.buf, c)
	size := len(w.buf) - start - 4
	if int64(size) > math.MaxInt32 {
		return fmt.Errorf("response to %s has %d bytes, more than a length can say", c.api.name(), size)
	}
	binary.BigEndian.PutUint32(w.buf[start:], uint32(size))
	if len(w.buf) >= writeBuffer {
		return w.flush()
	}
	return nil
}

// begin appends room for the length, and the header. It returns where.
func (w *frameWriter) begin(c *call) (start int) {
	if w.lent == nil {
		w.lent = w.pool.Get().(*[]byte)
		w.buf = (*w.lent)[:0]
	}
	start = len(w.buf)
	w.buf = append(w.buf, 0, 0, 0, 0)
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(c.correlation))
	if c.flexible && c.api.key != keyApiVersions { // KIP-511: ApiVersions keeps header v0
		w.buf = append(w.buf, 0)
	}
	return start
}

// Write appends p, or sends it after what has been gathered if it is large.
func (w *frameWriter) Write(p []byte) (int, error) {
	if len(w.buf)+len(p) <= writeBuffer {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	w.pair = [2][]byte{w.buf, p}
	w.buffers = w.pair[:]
	if err := w.deadline(); err != nil {
		return 0, err
	}
	n, err := w.buffers.WriteTo(w.conn)
	w.sent += n
	n -= int64(len(w.buf))
	w.buf = w.buf[:0]
	return int(max(n, 0)), err
}

// flush sends all that has been gathered and gives the memory back.
func (w *frameWriter) flush() error {
	if w.lent == nil {
		return nil
	}
	var err error
	for rest := w.buf; len(rest) > 0 && err == nil; {
		var n int
		if err = w.deadline(); err == nil {
			n, err = w.conn.Write(rest[:min(len(rest), stallBytes)])
		}
		w.sent += int64(n)
		rest = rest[n:]
	}
	w.pool.Put(w.lent)
	w.lent, w.buf = nil, nil
	return err
}

// deadline gives the client time to take the next stallBytes.
func (w *frameWriter) deadline() error { return w.conn.SetWriteDeadline(time.Now().Add(w.stall)) }
