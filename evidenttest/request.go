package evidenttest

import (
	"bufio"
	"encoding/binary"
	"io"
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// largestFrame is more than any node takes, in bytes.
const largestFrame = 256 << 20

// readFrame reads a size and that many bytes, and returns both. It returns false if
// there are no more, or if they are no frame, and then has read nothing of it.
func readFrame(from *bufio.Reader) ([]byte, bool) {
	size, err := from.Peek(4)
	if err != nil {
		return nil, false
	}
	n := binary.BigEndian.Uint32(size)
	if n > largestFrame {
		return nil, false
	}
	frame := make([]byte, 4+n)
	_, err = io.ReadFull(from, frame)
	return frame, err == nil
}

// request is a frame on its way to the node, and what it says. What is not understood
// passes as it is.
type request struct {
	frame    []byte
	key      kmsg.Key
	client   string
	body     kmsg.Request // nil if it is not understood
	answered bool         // the node gives an answer
}

// parseRequest reads a frame: size, key, version, correlation id, client id, and tags
// in flexible versions (Kafka's request header, versions 1 and 2).
func parseRequest(frame []byte) *request {
	r := &request{frame: frame, key: -1, answered: true}
	if len(frame) < 14 {
		return r
	}
	key := int16(binary.BigEndian.Uint16(frame[4:]))
	body := kmsg.RequestForKey(key)
	if body == nil {
		return r
	}
	r.key = kmsg.Key(key)
	body.SetVersion(int16(binary.BigEndian.Uint16(frame[6:])))
	rest := frame[14:]
	if n := int(int16(binary.BigEndian.Uint16(frame[12:]))); n >= 0 && n <= len(rest) {
		r.client, rest = string(rest[:n]), rest[n:]
	}
	if body.IsFlexible() {
		rest = skipTags(rest)
	}
	if body.ReadFrom(rest) != nil {
		return r
	}
	r.body = body
	if p, ok := body.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
		r.answered = false
	}
	return r
}

// skipTags returns what is behind the tags of a header (KIP-482), or nothing.
func skipTags(b []byte) []byte {
	count, n := binary.Uvarint(b)
	b = b[max(0, n):]
	for ; count > 0; count-- {
		_, n := binary.Uvarint(b)
		size, m := binary.Uvarint(b[max(0, n):])
		if n <= 0 || m <= 0 || size > uint64(len(b)-n-m) {
			return nil
		}
		b = b[n+m+int(size):]
	}
	return b
}

// changes tells whether the node may be another after the request than before.
func (r *request) changes() bool {
	switch r.key {
	case kmsg.Fetch, kmsg.ListOffsets, kmsg.OffsetFetch, kmsg.FindCoordinator, kmsg.ApiVersions, kmsg.Heartbeat,
		kmsg.OffsetForLeaderEpoch, kmsg.DescribeGroups, kmsg.ListGroups, kmsg.DescribeConfigs:
		return false
	}
	return r.client != observer
}

// mentions calls visit with each exported field of a request, at any depth, until that
// returns false.
func mentions(v reflect.Value, visit func(field string, v reflect.Value) bool) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || mentions(v.Elem(), visit)
	case reflect.Slice:
		for i := 0; i < v.Len() && v.Type().Elem().Kind() == reflect.Struct; i++ {
			if !mentions(v.Index(i), visit) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && (!visit(f.Name, v.Field(i)) || !mentions(v.Field(i), visit)) {
				return false
			}
		}
	}
	return true
}

// says tells whether a field of that name, at any depth, has a value.
func says[T comparable](r *request, field string, value T) bool {
	if r.body == nil {
		return false
	}
	return !mentions(reflect.ValueOf(r.body), func(name string, v reflect.Value) bool {
		if name != field {
			return true
		}
		if v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		said, ok := reflect.TypeAssert[T](v)
		return !ok || said != value
	})
}
