package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Defaults of consumers.
const (
	defaultBuffer = 1000
	defaultGrace  = 10 * time.Second
	maxPoll       = 500                    // records taken from the Kafka client at once
	commitEvery   = 100 * time.Millisecond // at most so often
	fetchWait     = 500 * time.Millisecond // that a fetch may wait; one under way keeps partitions waiting that come or are resumed
	lateness      = time.Second            // how long a handler has after its context ended
	requestTime   = 10 * time.Second       // that a commit may take
	againAfter    = time.Second            // how soon a session that broke is begun again
)

// A Consumer hands the events of topics to a handler, as a member of a consumer group:
// the group's members share the partitions. Events of one key are handled one after the
// other, in their order in the partition; those without a key are of one key.
//
// An offset is committed when the event there, and all before it in its partition, were
// handled, found to be repeated, or written to the dead letters, together with what was
// emitted. Nothing is skipped; what was done after the last commit before a crash is
// done again.
type Consumer struct {
	client  *Client
	group   string
	topics  []string
	handler Handler
	emitter *Producer // makes the records of what is emitted; writes none

	policy      Policy
	concurrency int
	buffer      int
	grace       time.Duration
	letters     string
	noLetters   bool
	exact       bool
	seen        Seen
	start       kgo.Offset
	kafka       []kgo.Opt

	counts  counts
	running atomic.Bool
}

// A ConsumerOption changes how a consumer works.
type ConsumerOption func(*Consumer)

// Retry sets what happens with events on which the handler fails.
func Retry(p Policy) ConsumerOption { return func(c *Consumer) { c.policy = p } }

// Concurrency is how many events, of different keys, are handled at a time; 1 by
// default. With more, the handler is called by several goroutines.
func Concurrency(n int) ConsumerOption { return func(c *Consumer) { c.concurrency = n } }

// Buffer is how many events are kept in memory, 1000 by default: those that are not
// done, and those behind them in their partitions, which are handled again after a
// crash. When there are so many, no more are taken. Partitions whose first event waits
// for its next attempt do not keep the others waiting: each of them may have as many.
func Buffer(events int) ConsumerOption { return func(c *Consumer) { c.buffer = events } }

// Grace is how long handlers may take to end when the consumer stops, or a partition is
// handed to another member, before their contexts end, too; 10 s by default.
func Grace(d time.Duration) ConsumerOption { return func(c *Consumer) { c.grace = d } }

// DeadLetters is the topic for records that were given up; "dlq." and the group's name
// by default. It is made when the consumer begins, if it is not there.
func DeadLetters(topic string) ConsumerOption { return func(c *Consumer) { c.letters = topic } }

// NoDeadLetters stops the consumer with a [*HandleError] where it would give a record
// up. It does so again until the handler can do with the record, or the group's offset
// is moved past it.
func NoDeadLetters() ConsumerOption { return func(c *Consumer) { c.noLetters = true } }

// ExactlyOnce commits what handlers emit and the offsets of what they handled in one
// Kafka transaction, after up to [Buffer] events, or what there is: to readers of
// committed records, as all consumers of this package are, each event has had its
// effect once, whatever crashed. Effects elsewhere (databases, HTTP, what handlers
// write with a [Producer]) are no part of it.
func ExactlyOnce() ConsumerOption { return func(c *Consumer) { c.exact = true } }

// Deduplicate leaves out events that are remembered to have been handled. What the
// handler emitted is durable before its event is marked, and the mark before the offset
// is committed. A memory that fails is tried again until it does not; it gives no event
// up. Two copies of one event that have different keys may be handled at once.
func Deduplicate(s Seen) ConsumerOption { return func(c *Consumer) { c.seen = s } }

// From is where partitions begin for which the group has no offset; their start by
// default.
func From(o kgo.Offset) ConsumerOption { return func(c *Consumer) { c.start = o } }

// ConsumerKafka adds options of franz-go's client for this consumer: a balancer, an
// instance id, how much is fetched. Those that this package needs win.
func ConsumerKafka(opts ...kgo.Opt) ConsumerOption {
	return func(c *Consumer) { c.kafka = append(c.kafka, opts...) }
}

// Consumer makes a member of a consumer group. It does nothing until it runs. The error
// says which option cannot be.
func (c *Client) Consumer(group string, topics []string, h Handler, opts ...ConsumerOption) (*Consumer, error) {
	consumer := &Consumer{
		client: c, group: group, topics: slices.Clone(topics), handler: h, emitter: c.Producer(),
		concurrency: 1, buffer: defaultBuffer, grace: defaultGrace, start: kgo.NewOffset().AtStart(),
	}
	for _, o := range opts {
		o(consumer)
	}
	consumer.letters = cmp.Or(consumer.letters, "dlq."+group)
	consumer.policy.setDefaults()
	if err := consumer.validate(); err != nil {
		return nil, fmt.Errorf("consumer of group %q: %w", group, err)
	}
	return consumer, nil
}

func (c *Consumer) validate() error {
	switch {
	case c.group == "":
		return errors.New("it has no name: want that of a consumer group")
	case len(c.topics) == 0:
		return errors.New("no topics: want at least one")
	case c.handler == nil:
		return errors.New("the handler is nil")
	case c.concurrency < 1 || c.buffer < 1 || c.grace < 0:
		return fmt.Errorf("concurrency %d, buffer %d, grace %v: want at least 1, 1 and 0s", c.concurrency, c.buffer, c.grace)
	case !c.noLetters && slices.Contains(c.topics, c.letters):
		return fmt.Errorf("dead letters go to topic %s, which it reads: want another, or NoDeadLetters", c.letters)
	case c.exact && c.seen != nil:
		return errors.New("ExactlyOnce and Deduplicate exclude each other: a transaction cannot cover the memory")
	}
	return c.policy.validate()
}

// Run joins the group and handles events until ctx ends: then it waits for the handlers
// that run ([Grace]), commits, leaves the group and returns nil. It waits for brokers
// that are away. Any other end is an error: no right to read or write, a handler that
// failed with [NoDeadLetters] ([*HandleError]), too many that do not return
// ([ErrStuck]). A consumer runs once at a time.
func (c *Consumer) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return fmt.Errorf("consumer of group %s: it runs already", c.group)
	}
	defer c.running.Store(false)
	if err := c.makeLetters(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("consumer of group %s: %w", c.group, err)
	}
	session := c.atLeastOnce
	if c.exact {
		session = c.exactlyOnce
	}
	for ctx.Err() == nil {
		err := session(ctx)
		if ctx.Err() != nil && !errors.As(err, new(*HandleError)) {
			return nil
		}
		if !errors.As(err, new(*brokenError)) {
			return fmt.Errorf("consumer of group %s: %w", c.group, err)
		}
		c.counts.sessions.Add(1)
		c.client.cfg.logger.WarnContext(ctx, "consumer begins again", "group", c.group, "reason", err)
		sleep(ctx, againAfter)
	}
	return nil
}

// A brokenError ends a session that another one can follow.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// refused tells whether an error is one that time does not mend.
func refused(err error) bool {
	return slices.ContainsFunc([]error{
		kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed, kerr.InvalidGroupID, kerr.InvalidTopicException,
		kerr.InconsistentGroupProtocol, kerr.UnsupportedVersion, kerr.FencedInstanceID,
	}, func(fatal error) bool { return errors.Is(err, fatal) })
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
