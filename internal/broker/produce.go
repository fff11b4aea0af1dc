package broker

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/quota"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/broker/wire"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

const (
	// produceServed is the lowest version that is served. Lower ones are
	// listed because librdkafka stops compressing otherwise (KAFKA-18659).
	produceServed = 3
	// produceZstd is the first version that may carry zstd (KIP-110).
	produceZstd = 7
	// produceIDs is the first version that names topics by id (KIP-516).
	produceIDs = 13
)

// production is a Produce request whose appends are under way, and its answer.
// Its memory is used again.
type production struct {
	call     *call
	req      kmsg.ProduceRequest // its strings and records lie in the call's buffer
	acks     int16
	producer transaction.Producer // of the records that belong to a transaction, if any
	topics   []producedTopic
	slots    []*slot // one for each partition, in the order of the request
	used     int     // slots in use
	muted    int32   // ms that the client has to wait for its quota
	pending  atomic.Int32
	unjoined *kerr.Error // why it is not durable that the transaction has the partitions
}

type producedTopic struct {
	name string
	id   metadata.ID
	end  int // index of the slot behind the topic's last
}

// slot is the outcome for one partition.
type slot struct {
	production *production
	done       func(error)  // appended, bound once
	admit      func() error // admitted, bound once

	topic         string
	partition     int32
	to            *log.Partition
	records       []byte // lie in the call's buffer
	transactional bool

	result log.Appended
	err    error // from appended, else from the request itself
}

// produce starts the appends of a Produce request. Records of one connection
// are appended in the order in which they come.
func (b *Broker) produce(c *call) error {
	p := b.productions.Get().(*production)
	p.call = c
	if err := p.decode(); err != nil {
		c.done()
		return err
	}
	p.muted = c.use(quota.ProducerBytes, float64(c.size))
	p.pending.Store(1) // until all appends have been begun
	p.plan(b.store.Snapshot())
	p.pace()
	if p.producer != transaction.None && p.req.Version >= produceJoins {
		if ps := p.transacted(); len(ps) > 0 {
			p.join(ps)
			return nil
		}
	}
	p.begin()
	return nil
}

// begin begins the appends.
func (p *production) begin() {
	c := p.call
	for _, s := range p.slots[:p.used] {
		if s.err == nil {
			s.append()
		}
	}
	p.req = kmsg.ProduceRequest{}
	c.releaseBody()
	if p.acks == 0 {
		c.reply(silence{})
	}
	p.finish()
}

// decode reads the request without copying out of the call's buffer.
func (p *production) decode() error {
	c := p.call
	if err := wire.Check(c.api.key, c.version, c.body); err != nil {
		return err
	}
	p.req.Version = c.version
	if err := p.req.UnsafeReadFrom(c.body); err != nil {
		return fmt.Errorf("%w: Produce version %d: %w", wire.ErrMalformed, c.version, err)
	}
	p.acks = p.req.Acks
	p.topics, p.used, p.producer, p.unjoined = p.topics[:0], 0, transaction.None, nil
	return nil
}

// plan finds out which records go where, and what is wrong with them.
func (p *production) plan(topics *metadata.Snapshot) {
	refusal := p.refuseAll()
	for i := range p.req.Topics {
		rt := &p.req.Topics[i]
		t, err := p.find(topics, rt)
		if refusal != nil {
			err = refusal
		}
		for j := range rt.Partitions {
			rp := &rt.Partitions[j]
			s := p.slot(rp.Partition)
			if s.err = err; err == nil {
				s.err = s.plan(t, rp.Records)
			}
		}
		p.topics[i].end = p.used
	}
}

// pace lets the client wait if somebody who follows the log cannot keep up with
// it, and refuses records where that has come too far.
func (p *production) pace() {
	var longest time.Duration
	for _, s := range p.slots[:p.used] {
		if s.err != nil {
			continue
		}
		wait, err := p.call.conn.broker.cfg.Pace(s.to.ID())
		longest = max(longest, wait)
		if err != nil {
			s.err = refuse(kerr.NotEnoughReplicas, "%v", err)
		}
	}
	p.muted = max(p.muted, p.call.rest(longest))
}

// refuseAll is why no partition of the request can be written.
func (p *production) refuseAll() error {
	switch {
	case p.req.Version < produceServed:
		return refuse(kerr.UnsupportedVersion, "Produce version %d is not served, use %d or above", p.req.Version, produceServed)
	case p.acks < -1 || p.acks > 1:
		return refuse(kerr.InvalidRequiredAcks, "acks is %d, must be 0, 1 or -1", p.acks)
	}
	return nil
}

// find looks the topic up, and notes how the answer will call it.
func (p *production) find(topics *metadata.Snapshot, rt *kmsg.ProduceRequestTopic) (*metadata.Topic, error) {
	var t *metadata.Topic
	if p.req.Version >= produceIDs {
		t = topics.TopicByID(rt.TopicID)
	} else {
		t = topics.Topic(rt.Topic)
	}
	switch {
	case t != nil:
		p.topics = append(p.topics, producedTopic{name: t.Name, id: t.ID})
	case p.req.Version >= produceIDs:
		p.topics = append(p.topics, producedTopic{id: rt.TopicID})
		return nil, refuse(kerr.UnknownTopicID, "there is no topic with id %v", metadata.ID(rt.TopicID))
	default:
		name := strings.Clone(rt.Topic)
		p.topics = append(p.topics, producedTopic{name: name})
		return nil, refuse(kerr.UnknownTopicOrPartition, "there is no topic %q", name)
	}
	if t.Internal() {
		return nil, refuse(kerr.InvalidTopicException, "topic %s is internal, clients cannot write it", t.Name)
	}
	return t, nil
}

// slot returns the next one.
func (p *production) slot(partition int32) *slot {
	if p.used == len(p.slots) {
		s := &slot{production: p}
		s.done, s.admit = s.appended, s.admitted
		p.slots = append(p.slots, s)
	}
	s := p.slots[p.used]
	s.partition, s.result, s.err = partition, log.Appended{BaseOffset: -1, AppendTime: -1, LogStart: -1}, nil
	s.to, s.records, s.transactional = nil, nil, false
	p.used++
	return s
}

// plan finds the partition and checks the records as far as it is no matter of the
// log: the rules that depend on the request's version, one batch to a partition,
// as Kafka demands, and no batches but a producer's.
func (s *slot) plan(t *metadata.Topic, records []byte) error {
	p := s.production
	s.topic, s.to, s.records = t.Name, t.Partition(s.partition), records
	if s.to == nil {
		return refuse(kerr.UnknownTopicOrPartition, "topic %s has %d partitions, there is no partition %d", t.Name, len(t.Partitions), s.partition)
	}
	if len(records) == 0 {
		return refuse(kerr.InvalidRecord, "there are no records")
	}
	b, rest, err := batch.Next(records)
	switch {
	case errors.Is(err, batch.ErrShort):
		return refuse(kerr.InvalidRecord, "%v", err)
	case err != nil:
		return nil // the log knows why
	case len(rest) > 0:
		return refuse(kerr.InvalidRecord, "%d bytes follow the first record batch, only one is allowed for a partition", len(rest))
	case b.Attributes().Codec() == batch.Zstd && p.req.Version < produceZstd:
		return refuse(kerr.UnsupportedCompressionType, "zstd needs Produce version %d, this is %d", produceZstd, p.req.Version)
	case b.Attributes().Control():
		return refuse(kerr.InvalidRecord, "clients cannot write control batches")
	case b.Attributes().Transactional():
		return s.planTransactional(b)
	}
	return nil
}

// append hands the records to the partition.
func (s *slot) append() {
	p := s.production
	o := log.AppendOptions{Ack: log.AckWritten}
	if p.acks == -1 {
		o.Ack = log.AckDurable
	}
	if s.transactional {
		o.Admit = s.admit
	}
	p.pending.Add(1)
	result, err := s.to.AppendWith(s.records, o, s.done)
	s.to, s.records = nil, nil
	if err != nil {
		s.err = err
		p.pending.Add(-1)
		return
	}
	s.result = result
}

// appended is told by the log when an append has ended.
func (s *slot) appended(err error) {
	if err != nil {
		s.err = err
	}
	s.production.finish()
}

// finish is called once for each append, once for what joins a transaction, and once
// by produce. The last call answers.
func (p *production) finish() {
	if p.pending.Add(-1) > 0 {
		return
	}
	if p.unjoined != nil {
		p.refuseTransacted(p.unjoined)
	}
	c := p.call
	c.conn.broker.budget.release(&c.hold)
	if p.acks != 0 {
		c.reply(p)
		return
	}
	if err := p.firstError(); err != nil {
		c.fail(fmt.Errorf("produce with acks=0: %w", err)) // as Kafka does: there is no other way to tell
	}
	p.drop()
}

func (p *production) firstError() error {
	for _, s := range p.slots[:p.used] {
		if s.err != nil {
			return s.err
		}
	}
	return nil
}

// drop implements answer.
func (p *production) drop() {
	b := p.call.conn.broker
	p.call = nil
	b.productions.Put(p)
}

// throttle implements throttler.
func (p *production) throttle(ms int32) { p.muted = max(p.muted, ms) }

// write implements answer.
func (p *production) write(w *frameWriter, c *call) error {
	defer p.drop()
	return w.frame(c, p)
}
