package bench

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// discardServer speaks just enough of the Kafka protocol that a producer
// believes it: ApiVersions, Metadata, InitProducerId and Produce. Every topic
// exists, every record is acknowledged and thrown away. What a client reaches
// against it is the most that client and network allow.
type discardServer struct {
	listener   net.Listener
	partitions int32
	conns      sync.WaitGroup
}

// discardKeys are the requests that the server answers, with the highest
// version of each that Evident's own broker serves too, so that the client does the same work.
var discardKeys = []kmsg.ApiVersionsResponseApiKey{
	{ApiKey: int16(kmsg.Produce), MinVersion: 0, MaxVersion: 13},
	{ApiKey: int16(kmsg.Metadata), MinVersion: 0, MaxVersion: 13},
	{ApiKey: int16(kmsg.ApiVersions), MinVersion: 0, MaxVersion: 4},
	{ApiKey: int16(kmsg.InitProducerID), MinVersion: 0, MaxVersion: 5},
}

// RunDiscard is the whole of a process that throws records away. It listens on
// a free port of 127.0.0.1, writes the address and a newline to out, and
// serves until in ends or ctx does: in is a pipe that the parent holds, so the
// process cannot outlive it.
func RunDiscard(ctx context.Context, partitions int32, in io.Reader, out io.Writer) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &discardServer{listener: l, partitions: partitions}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with in, which the parent closes
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	return s.serve(ctx)
}

// serve accepts connections until ctx ends, and returns when all are closed.
func (s *discardServer) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() })
	defer stop()
	defer s.conns.Wait()
	for {
		conn, err := s.listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.conns.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer conn.Close()
			// A connection that ends or talks nonsense is closed: there is
			// nobody here to tell.
			_ = s.serveConn(conn)
		})
	}
}

// serveConn answers requests in order. The frame's buffer and the answer's are
// reused for as long as the connection lives.
func (s *discardServer) serveConn(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, 64<<10)
	var frame, answer []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint32(head[:]))
		if size > maxFrame {
			return fmt.Errorf("request of %d bytes, more than %d", size, maxFrame)
		}
		if cap(frame) < size {
			frame = make([]byte, size)
		}
		if _, err := io.ReadFull(in, frame[:size]); err != nil {
			return err
		}
		var err error
		if answer, err = s.answer(answer[:0], frame[:size]); err != nil {
			return err
		}
		if len(answer) == 0 {
			continue
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
}

// maxFrame bounds a request (Kafka: socket.request.max.bytes).
const maxFrame = 100 << 20

// headerLen is API key, version and correlation id, the part of a request's
// header that all versions share.
const headerLen = 8

// answer appends the framed response to dst; a request that wants none (Produce
// with acks=0) appends nothing.
func (s *discardServer) answer(dst, frame []byte) ([]byte, error) {
	if len(frame) < headerLen+2 {
		return nil, io.ErrUnexpectedEOF
	}
	key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
	req := kmsg.RequestForKey(key)
	if req == nil {
		return nil, fmt.Errorf("unknown API key %d", key)
	}
	req.SetVersion(version)
	body, err := skipHeader(frame[headerLen:], req.IsFlexible())
	if err != nil {
		return nil, err
	}
	if err := req.ReadFrom(body); err != nil {
		return nil, err
	}
	resp, err := s.respond(req)
	if resp == nil || err != nil {
		return dst, err
	}
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, frame[4:8]...)
	if resp.IsFlexible() && key != int16(kmsg.ApiVersions) {
		dst = append(dst, 0) // no tagged fields in the header
	}
	dst = resp.AppendTo(dst)
	binary.BigEndian.PutUint32(dst, uint32(len(dst)-4))
	return dst, nil
}

// skipHeader steps over the client id and, in flexible versions, the header's
// tagged fields, of which clients send none.
func skipHeader(b []byte, flexible bool) ([]byte, error) {
	n := 2 + max(int(int16(binary.BigEndian.Uint16(b))), 0)
	if flexible {
		n++
	}
	if len(b) < n {
		return nil, io.ErrUnexpectedEOF
	}
	return b[n:], nil
}

func (s *discardServer) respond(req kmsg.Request) (kmsg.Response, error) {
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		return discarded(req), nil
	case *kmsg.MetadataRequest:
		return s.metadata(req)
	case *kmsg.InitProducerIDRequest:
		resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
		resp.ProducerID = 1
		return resp, nil
	case *kmsg.ApiVersionsRequest:
		resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
		resp.ApiKeys = discardKeys
		return resp, nil
	}
	return nil, fmt.Errorf("API key %d is not served", req.Key())
}

// discarded acknowledges every batch of req; nil if the client wants no answer.
func discarded(req *kmsg.ProduceRequest) kmsg.Response {
	if req.Acks == 0 {
		return nil
	}
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	resp.Topics = make([]kmsg.ProduceResponseTopic, len(req.Topics))
	for i, t := range req.Topics {
		out := &resp.Topics[i]
		out.Topic, out.TopicID = t.Topic, t.TopicID
		out.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(t.Partitions))
		for j, p := range t.Partitions {
			out.Partitions[j].Default()
			out.Partitions[j].Partition = p.Partition
		}
	}
	return resp
}

// metadata says that every topic asked for exists, led by this server.
func (s *discardServer) metadata(req *kmsg.MetadataRequest) (kmsg.Response, error) {
	addr := s.listener.Addr().(*net.TCPAddr)
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	resp.ControllerID = 1
	resp.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: addr.IP.String(), Port: int32(addr.Port)}}
	for _, asked := range req.Topics {
		if asked.Topic == nil {
			return nil, errors.New("topics are known by name only")
		}
		resp.Topics = append(resp.Topics, s.topic(*asked.Topic))
	}
	return resp, nil
}

func (s *discardServer) topic(name string) kmsg.MetadataResponseTopic {
	t := kmsg.NewMetadataResponseTopic()
	id := sha256.Sum256([]byte(name))
	t.Topic, t.TopicID = &name, [16]byte(id[:16])
	for i := range s.partitions {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.Leader, p.Replicas, p.ISR = i, 1, []int32{1}, []int32{1}
		t.Partitions = append(t.Partitions, p)
	}
	return t
}
