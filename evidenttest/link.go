package evidenttest

import (
	"bufio"
	"io"
	"net"
	"sync"
	"time"
)

// link is one connection. Two goroutines carry frames, one each way.
type link struct {
	wire   *wire
	client net.Conn // to whoever asks
	broker net.Conn // to the node
	done   chan struct{}
	ending sync.Once

	mu struct {
		sync.Mutex
		owed []owed        // answers that the node owes, in the order of their requests
		idle chan struct{} // closed when nothing is owed; nil if nobody waits for that
	}
}

// owed is an answer that the node will give.
type owed struct {
	request *request
	effect  Effect
	delay   time.Duration
	copied  bool // of a request that the client did not make
}

func newLink(w *wire, client, broker net.Conn) *link {
	return &link{wire: w, client: client, broker: broker, done: make(chan struct{})}
}

func (l *link) close() {
	l.ending.Do(func() {
		close(l.done)
		l.client.Close() // what it was is over, whatever it says
		l.broker.Close()
	})
}

// run carries frames until the connection ends on either side.
func (l *link) run() {
	var down sync.WaitGroup
	down.Go(func() {
		defer l.close()
		l.carryAnswers()
	})
	l.carryRequests()
	l.close()
	down.Wait()
}

func (l *link) carryRequests() {
	from := bufio.NewReader(l.client)
	for {
		frame, ok := readFrame(from)
		if !ok {
			io.Copy(l.broker, from) // no frames, for the node to judge; until it ends
			return
		}
		if !l.carryRequest(parseRequest(frame)) {
			return
		}
	}
}

// carryRequest does with a request what the faults say. It tells whether the
// connection goes on.
func (l *link) carryRequest(r *request) bool {
	v := l.wire.node.faults.judge(l.wire.node.look, r)
	if !l.pause(v.delay) {
		return false
	}
	switch {
	case v.effect == Hold && !l.await(v.by.removed):
		return false
	case v.effect == LoseRequest:
		l.drain()
		return false
	}
	if !l.pass(r, owed{request: r, effect: v.effect, delay: v.answerDelay}) {
		return false
	}
	if v.effect == Twice {
		return l.pass(r.again(), owed{request: r, copied: true})
	}
	return true
}

// pass gives a request to the node.
func (l *link) pass(r *request, o owed) bool {
	if r.answered {
		l.mu.Lock()
		l.mu.owed = append(l.mu.owed, o)
		l.mu.Unlock()
	}
	_, err := l.broker.Write(r.frame)
	if err == nil && !r.answered {
		l.wire.changed.tell()
	}
	return err == nil
}

func (l *link) carryAnswers() {
	from := bufio.NewReader(l.broker)
	for {
		frame, ok := readFrame(from)
		if !ok {
			io.Copy(l.client, from)
			return
		}
		if !l.carryAnswer(frame, l.next()) {
			return
		}
	}
}

func (l *link) carryAnswer(frame []byte, o owed) bool {
	if o.effect == CutPower {
		l.wire.node.cutPower(LoseUnsynced)
	}
	if o.request.changes() {
		defer l.wire.changed.tell()
	}
	switch {
	case o.effect == LoseAnswer || o.effect == CutPower:
		return false
	case o.copied:
		return true
	case !l.pause(o.delay):
		return false
	}
	_, err := l.client.Write(frame)
	return err == nil
}

// next takes the answer that comes next from those owed.
func (l *link) next() owed {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.mu.owed) == 0 {
		return owed{request: &request{}}
	}
	o := l.mu.owed[0]
	l.mu.owed = l.mu.owed[1:]
	if len(l.mu.owed) == 0 && l.mu.idle != nil {
		close(l.mu.idle)
		l.mu.idle = nil
	}
	return o
}

// drain waits until the node owes no answer.
func (l *link) drain() {
	l.mu.Lock()
	if len(l.mu.owed) == 0 {
		l.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	l.mu.idle = idle
	l.mu.Unlock()
	l.await(idle)
}

// pause lets d pass. It returns false if the connection ended meanwhile.
func (l *link) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.done:
		return false
	}
}

// await waits for something. It returns false if the connection ended before.
func (l *link) await(something <-chan struct{}) bool {
	select {
	case <-something:
		return true
	case <-l.done:
		return false
	}
}
