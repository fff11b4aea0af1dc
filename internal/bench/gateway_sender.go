package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// idDigits is how long the number of an event is, in its id.
const idDigits = 15

// An event of a benchmark, as JSON: its id comes first and its padding last.
const (
	eventHead = `{"specversion":"1.0","id":"`
	eventTail = `","source":"/bench","type":"bench.event","time":"2026-01-02T15:04:05Z","datacontenttype":"application/json","data":{"padding":"`
	eventEnd  = `"}}`
	// smallestEvent is without padding.
	smallestEvent = len(eventHead) + idDigits + len(eventTail) + len(eventEnd)
)

// An eventSender sends the same request again and again over one connection, with ids
// that are new each time. It is written by hand, so that it costs little beside the node.
type eventSender struct {
	run   *gatewayRun
	conn  net.Conn
	back  *bufio.Reader
	text  []byte // the request
	ids   []int  // where in text ids are
	batch int

	events int64
	took   Histogram
}

// newEventSender connects a sender of batches or, if batch is 0, of single events.
func newEventSender(ctx context.Context, r *gatewayRun, batch int) (*eventSender, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.host)
	if err != nil {
		return nil, err
	}
	s := &eventSender{run: r, conn: conn, back: bufio.NewReader(conn), batch: max(batch, 1)}
	if batch == 0 {
		s.single()
	} else {
		s.batches(batch)
	}
	return s, nil
}

func (s *eventSender) close() { _ = s.conn.Close() } // all was answered, or failed before

// batches prepares a request with a batch.
func (s *eventSender) batches(n int) {
	padding := strings.Repeat("x", s.run.cfg.EventSize-smallestEvent)
	size := n*(s.run.cfg.EventSize+1) + 1
	s.head("application/cloudevents-batch+json", size)
	for i := range n {
		s.text = append(s.text, "[,"[min(i, 1)])
		s.text = append(s.text, eventHead...)
		s.id()
		s.text = append(s.text, eventTail+padding+eventEnd...)
	}
	s.text = append(s.text, ']')
}

// single prepares a request with one event in binary mode, with as much data as the event
// as JSON would have padding.
func (s *eventSender) single() {
	data := `{"padding":"` + strings.Repeat("x", s.run.cfg.EventSize-smallestEvent) + `"}`
	s.head("application/json", len(data))
	s.text = s.text[:len(s.text)-2] // the empty line
	s.text = append(s.text, "ce-specversion: 1.0\r\nce-source: /bench\r\nce-type: bench.event\r\nce-time: 2026-01-02T15:04:05Z\r\nce-id: "...)
	s.id()
	s.text = append(s.text, "\r\n\r\n"+data...)
}

func (s *eventSender) head(contentType string, size int) {
	s.text = fmt.Appendf(nil, "POST /v1/topics/%s/events HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", s.run.topic, s.run.host, contentType, size)
}

// id leaves room for an id.
func (s *eventSender) id() {
	s.ids = append(s.ids, len(s.text))
	s.text = append(s.text, strings.Repeat("0", idDigits)...)
}

// send sends one request and takes its answer.
func (s *eventSender) send() error {
	number := s.run.sent.take(len(s.ids))
	var digits [20]byte
	for i, at := range s.ids {
		d := strconv.AppendInt(digits[:0], number+int64(i), 10)
		copy(s.text[at+idDigits-len(d):], d)
	}
	began := time.Now()
	if _, err := s.conn.Write(s.text); err != nil {
		return err
	}
	resp, err := http.ReadResponse(s.back, nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the node answers %s: %s", resp.Status, text[:min(len(text), 500)])
	}
	s.took.Record(time.Since(began))
	s.events += int64(s.batch)
	return resp.Body.Close()
}
