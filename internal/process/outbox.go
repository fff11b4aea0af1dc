package process

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/process/txn"
)

// outbox takes the outputs of one goroutine's calls. While a call is alive, its lock
// guards it.
type outbox struct {
	buffer  *txn.Buffer // nil: outputs are held, to be written in the order of inputs
	held    []held
	saved   int // of held, at the savepoint
	input   int // index of the record that the code is given, of the job's
	headers batch.Headers
	hash    kgo.TopicPartitioner // Kafka's, of keys: by murmur2
	keyed   kgo.Record           // that hash is asked for
}

func newOutbox(buffer *txn.Buffer) *outbox {
	return &outbox{buffer: buffer, hash: kgo.StickyKeyPartitioner(nil).ForTopic("")}
}

// save makes a savepoint.
func (o *outbox) save() {
	if o.buffer != nil {
		o.buffer.Save()
	}
	o.saved = len(o.held)
}

// undo takes back what was added since the savepoint.
func (o *outbox) undo() {
	if o.buffer != nil {
		o.buffer.Undo()
	}
	o.held = o.held[:o.saved]
}

// held is an output that waits for those of earlier inputs.
type held struct {
	input     int
	to        *txn.Topic
	partition int32
	output    Output
}

// place is the partition that an output of a task goes to.
func (o *outbox) place(to *txn.Topic, task int32, out *Output) (int32, error) {
	n := int32(len(to.Leaders))
	switch {
	case out.Placed && (out.Partition < 0 || out.Partition >= n):
		return 0, fmt.Errorf("%w: partition %d of topic %q, which has %d", txn.ErrNoTopic, out.Partition, to.Name, n)
	case out.Placed:
		return out.Partition, nil
	case out.Key == nil:
		return task % n, nil
	}
	o.keyed.Key = out.Key
	return int32(o.hash.Partition(&o.keyed, int(n))), nil
}

// add takes an output, whose bytes are copied.
func (o *outbox) add(to *txn.Topic, task int32, out *Output) error {
	partition, err := o.place(to, task, out)
	if err != nil {
		return err
	}
	if o.buffer == nil {
		if err := to.Takes(sizeOf(out)); err != nil {
			return err
		}
		o.held = append(o.held, held{o.input, to, partition, clone(out)})
		return nil
	}
	return o.write(to, partition, out)
}

// write encodes an output.
func (o *outbox) write(to *txn.Topic, partition int32, out *Output) error {
	r := batch.Record{Timestamp: out.Timestamp.UnixMilli(), Key: out.Key, Value: out.Value}
	if len(out.Headers) > 0 {
		o.headers = o.headers.Reset()
		for _, h := range out.Headers {
			o.headers = o.headers.Append(h.Key, h.Value)
		}
		r.Headers = o.headers
	}
	return o.buffer.Append(to, partition, r)
}

// clone copies an output, in one piece of memory.
func clone(out *Output) Output {
	room := make([]byte, 0, sizeOf(out))
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		from := len(room)
		room = append(room, b...)
		return room[from:len(room):len(room)]
	}
	c := *out
	c.Key, c.Value = keep(out.Key), keep(out.Value)
	c.Headers = make([]kgo.RecordHeader, len(out.Headers))
	for i, h := range out.Headers {
		c.Headers[i] = kgo.RecordHeader{Key: h.Key, Value: keep(h.Value)}
	}
	return c
}

// sizeOf is about how many bytes an output has in key, value and headers.
func sizeOf(out *Output) int {
	size := len(out.Key) + len(out.Value)
	for _, h := range out.Headers {
		size += len(h.Key) + len(h.Value) + headerRoom
	}
	return size
}

// headerRoom is what the lengths of a header take at most.
const headerRoom = 10
