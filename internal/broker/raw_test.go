package broker

import (
	"encoding/binary"
	"io"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// frame reads one response frame without its length.
func (r *raw) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

// receive reads the response to req, which must be the next one.
func receive[R kmsg.Response](r *raw, req kmsg.Request, correlation int32) R {
	r.t.Helper()
	b, err := r.frame()
	if err != nil {
		r.t.Fatalf("response to %s: %v", kmsg.NameForKey(req.Key()), err)
	}
	if got := int32(binary.BigEndian.Uint32(b)); got != correlation {
		r.t.Fatalf("correlation id is %d, want %d", got, correlation)
	}
	b = b[4:]
	resp := req.ResponseKind()
	if resp.IsFlexible() && req.Key() != keyApiVersions {
		if b[0] != 0 {
			r.t.Fatalf("response header has %d tags", b[0])
		}
		b = b[1:]
	}
	if err := resp.ReadFrom(b); err != nil {
		r.t.Fatalf("decode the response to %s version %d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	if whole := resp.AppendTo(nil); len(whole) != len(b) {
		r.t.Fatalf("response to %s version %d has %d bytes, the codec makes %d of it", kmsg.NameForKey(req.Key()), req.GetVersion(), len(b), len(whole))
	}
	return resp.(R)
}

// closed reads until the broker closes the connection, which it must.
func (r *raw) closed() {
	r.t.Helper()
	if _, err := io.Copy(io.Discard, r); err != nil && !isReset(err) {
		r.t.Fatalf("the connection is not closed: %v", err)
	}
}
