package conformance

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// conn is a connection that sends what it is told and repairs nothing, as a
// client library would.
type conn struct {
	t      *testing.T
	conn   net.Conn
	client string // client id
	last   int32  // correlation id
}

func dial(t *testing.T, address string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // a test may have closed it
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &conn{t: t, conn: c, client: "conformance"}
}

// send writes a request of a version and does not wait.
func (c *conn) send(req kmsg.Request, version int16) {
	c.t.Helper()
	c.last++
	req.SetVersion(version)
	message := kmsg.NewRequestFormatter(kmsg.FormatterClientID(c.client)).AppendRequest(nil, req, c.last)
	if _, err := c.conn.Write(message); err != nil {
		c.t.Fatalf("%s version %d: %v", kmsg.NameForKey(req.Key()), version, err)
	}
}

// frame reads one response as it is.
func (c *conn) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.conn, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c.conn, body)
	return body, err
}

// receive reads the response to req, which must be the oldest without one.
func (c *conn) receive(req kmsg.Request) kmsg.Response {
	c.t.Helper()
	body, err := c.frame()
	if err != nil {
		c.t.Fatalf("answer to %s version %d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	b := kbin.Reader{Src: body[4:]}
	if req.IsFlexible() && req.Key() != kmsg.ApiVersions.Int16() {
		kmsg.SkipTags(&b)
	}
	resp := req.ResponseKind()
	if err := resp.ReadFrom(b.Src); err != nil {
		c.t.Fatalf("answer to %s version %d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	return resp
}

// do sends a request and waits for its answer.
func (c *conn) do(req kmsg.Request, version int16) kmsg.Response {
	c.t.Helper()
	c.send(req, version)
	return c.receive(req)
}

// ask sends one request over a connection of its own.
func ask[R kmsg.Response](t *testing.T, address string, req kmsg.Request, version int16) R {
	t.Helper()
	c := dial(t, address)
	defer func() { _ = c.conn.Close() }() // the answer is there
	return c.do(req, version).(R)
}

// code is an error code as an error, nil for none.
func code(c int16) error { return kerr.ErrorForCode(c) }

// codeName is how scripts and failures show an error code.
func codeName(c int16) string {
	if c == 0 {
		return "NONE"
	}
	if err := kerr.TypedErrorForCode(c); err != nil {
		return err.Message
	}
	return "UNKNOWN_SERVER_ERROR"
}

// wantCode fails the test unless got is the code of want, which may be nil.
func wantCode(t *testing.T, what string, got int16, want *kerr.Error) {
	t.Helper()
	expected := "NONE"
	if want != nil {
		expected = want.Message
	}
	if codeName(got) != expected {
		t.Errorf("%s: %s, want %s", what, codeName(got), expected)
	}
}
