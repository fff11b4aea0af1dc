package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log/batch"
)

// line is what a client's connections go through, until they are cut.
type line struct {
	s     *server
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

var errCut = errors.New("the line is cut")

func (l *line) dial(context.Context, string, string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errCut
	}
	near, far := net.Pipe()
	go l.s.ServeConn(context.Background(), far, l.s.info)
	l.conns = append(l.conns, near)
	return near, nil
}

// sever cuts all connections for good.
func (l *line) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for _, c := range l.conns {
		_ = c.Close()
	}
}

// bubbled is a franz-go client of a server in a bubble. The caller closes it.
func (s *server) bubbled(opts ...kgo.Opt) (*kgo.Client, *line) {
	s.t.Helper()
	l := &line{s: s}
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers("bubble:9092"), kgo.Dialer(l.dial), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.RetryTimeout(10 * time.Second), kgo.DisableClientMetrics(),
	}, opts...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c, l
}

// place is where a record lies.
type place struct {
	partition int32
	offset    int64
}

func placeOf(r *kgo.Record) place { return place{r.Partition, r.Offset} }

// custody knows who holds which record of a queue, and checks what members are
// given.
type custody struct {
	t       *testing.T
	byKey   bool
	limit   int32 // of deliveries
	records int   // that there will be

	mu       sync.Mutex
	keys     map[place]string
	held     map[place]string // by member
	finished map[place]bool
	accepted map[place]bool
	counts   map[place]int32
}

func newCustody(t *testing.T, byKey bool, limit int32, records int) *custody {
	return &custody{
		t: t, byKey: byKey, limit: limit, records: records, keys: map[place]string{}, held: map[place]string{},
		finished: map[place]bool{}, accepted: map[place]bool{}, counts: map[place]int32{},
	}
}

// take notes that a member was given a record: nobody else holds it, it is not
// finished, and if the queue is ordered by key, all of its key before it are.
func (y *custody) take(r *kgo.Record, member string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	at := placeOf(r)
	if y.keys[at] != string(r.Key) {
		y.t.Errorf("%v has the key %q, want %q", at, r.Key, y.keys[at])
	}
	if holder := y.held[at]; holder != "" {
		y.t.Errorf("%s was given %v, which %s holds", member, at, holder)
	}
	if y.finished[at] {
		y.t.Errorf("%s was given %v, which is finished", member, at)
	}
	if r.DeliveryCount() <= y.counts[at] || r.DeliveryCount() > y.limit {
		y.t.Errorf("%v is delivered for the %d. time, and was %d times before", at, r.DeliveryCount(), y.counts[at])
	}
	y.held[at], y.counts[at] = member, r.DeliveryCount()
	if !y.byKey {
		return
	}
	for other, key := range y.keys {
		if other.partition != at.partition || key != string(r.Key) || other == at {
			continue
		}
		if holder := y.held[other]; holder != "" {
			y.t.Errorf("%s was given %v while %s holds %v of the same key", member, at, holder, other)
		}
		if other.offset < at.offset && !y.finished[other] {
			y.t.Errorf("%s was given %v before %v of the same key was finished", member, at, other)
		}
	}
}

// drop notes that a record is about to be held no more, and whether it is
// finished.
func (y *custody) drop(r *kgo.Record, status kgo.AckStatus) {
	y.mu.Lock()
	defer y.mu.Unlock()
	at := placeOf(r)
	delete(y.held, at)
	y.accepted[at] = y.accepted[at] || status == kgo.AckAccept
	if status == kgo.AckAccept || status == kgo.AckReject || r.DeliveryCount() >= y.limit {
		y.finished[at] = true
	}
}

func (y *custody) left() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.records - len(y.finished)
}

// member works off the queue until all records are finished. Now and then it
// leaves, or its connections are cut, or it dawdles until its locks run out; then
// another takes its place.
func (y *custody) member(s *server, name string, random *rand.Rand) {
	for life := 0; y.left() > 0; life++ {
		id := fmt.Sprint(name, ".", life)
		c, l := s.bubbled(kgo.ShareGroup("g"), kgo.ConsumeTopics("q"), kgo.ShareMaxRecords(int32(1+random.IntN(20))), kgo.ShareMaxRecordsStrict())
		for y.left() > 0 {
			polled := y.poll(c, id)
			if len(polled) > 0 && random.IntN(12) == 0 {
				y.fail(l, polled, random)
				break
			}
			y.process(c, polled, random)
			if random.IntN(20) == 0 {
				break
			}
		}
		c.Close()
		l.sever()
	}
}

// poll takes what comes within a moment.
func (y *custody) poll(c *kgo.Client, id string) []*kgo.Record {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fetches := c.PollRecords(ctx, 20)
	if err := fetches.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		y.t.Errorf("%s: %v", id, err)
	}
	for _, r := range fetches.Records() {
		y.take(r, id)
	}
	return fetches.Records()
}

// fail loses the records that a member has: its connections are cut, or it does
// nothing for too long.
func (y *custody) fail(l *line, polled []*kgo.Record, random *rand.Rand) {
	for _, r := range polled {
		y.drop(r, 0)
	}
	if random.IntN(3) == 0 {
		time.Sleep(31 * time.Second)
	}
	l.sever()
}

// process acknowledges records one way or another.
func (y *custody) process(c *kgo.Client, polled []*kgo.Record, random *rand.Rand) {
	time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
	for _, r := range polled {
		status := []kgo.AckStatus{kgo.AckAccept, kgo.AckAccept, kgo.AckAccept, kgo.AckRelease, kgo.AckRelease, kgo.AckReject}[random.IntN(6)]
		if random.IntN(5) == 0 {
			r.Ack(kgo.AckRenew)
			y.flush(c)
		}
		y.drop(r, status)
		if r.Ack(status); random.IntN(2) == 0 {
			y.flush(c)
		}
	}
	y.flush(c)
}

func (y *custody) flush(c *kgo.Client) {
	if err := c.FlushAcks(context.Background()); err != nil {
		y.t.Errorf("flush: %v", err)
	}
}

// fill appends records with some keys to the queue, a few at a time, and notes
// their keys.
func (y *custody) fill(s *server, topic *metadata.Topic, random *rand.Rand) {
	next := make([]int64, len(topic.Partitions))
	for n := 0; n < y.records; {
		p := random.IntN(len(next))
		b := new(batch.Codecs).NewBuilder(batch.Head{})
		y.mu.Lock()
		for range min(1+random.IntN(6), y.records-n) {
			key := "k" + strconv.Itoa(random.IntN(10))
			r := batch.Record{Timestamp: time.Now().UnixMilli(), Key: []byte(key), Value: []byte("v")}
			r.Headers = r.Headers.Append("priority", []byte(strconv.Itoa(random.IntN(3))))
			if err := b.Append(r); err != nil {
				y.t.Fatal(err)
			}
			y.keys[place{int32(p), next[p]}] = key
			next[p]++
			n++
		}
		y.mu.Unlock()
		raw, err := b.Build()
		if err != nil {
			y.t.Fatal(err)
		}
		s.appendRaw(topic, int32(p), raw)
		time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
	}
}

// queueTopics are what topics of queues may be set to.
var queueTopics = map[string]map[string]string{
	"in order of offsets":    nil,
	"by key":                 {topicconfig.QueueOrder: topicconfig.QueueOrderKey},
	"by priority":            {topicconfig.QueuePriorityHeader: "priority"},
	"by key and by priority": {topicconfig.QueueOrder: topicconfig.QueueOrderKey, topicconfig.QueuePriorityHeader: "priority"},
}

// Members come, leave, lose their connections, dawdle, and answer as they like:
// nobody is given what another holds or what is finished, records of a key come
// one after the other where that is asked for, and in the end every record was
// accepted, or has a dead letter.
func TestClientsShareAQueue(t *testing.T) {
	for name, configs := range queueTopics {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *server) {
				s.info = ListenerInfo{Name: "test", AdvertisedHost: "bubble", AdvertisedPort: 9092}
				const records, limit = 300, 6
				topic := s.queueWithDeadLetters(2, configs, limit)
				y := newCustody(t, configs[topicconfig.QueueOrder] != "", limit, records)
				var all sync.WaitGroup
				all.Go(func() { y.fill(s, topic, rand.New(rand.NewPCG(1, 0))) })
				for i := range 4 {
					all.Go(func() { y.member(s, fmt.Sprint("m", i), rand.New(rand.NewPCG(uint64(i), 1))) })
				}
				all.Wait()
				synctest.Wait()
				y.checkLetters(s.store.Snapshot().Topic("dlq.q"))
			})
		})
	}
}

// queueWithDeadLetters makes a topic q with these properties, and a group g that
// reads it from the first record on and has dead letters.
func (s *server) queueWithDeadLetters(partitions int, configs map[string]string, limit int) *metadata.Topic {
	s.t.Helper()
	made := s.store.Create([]metadata.Spec{
		{Name: "q", Partitions: partitions, Configs: configs},
		{Name: "dlq.q", Partitions: 1, Configs: map[string]string{topicconfig.DeadLetters: "true"}},
	}, false)
	err := s.store.ConfigureGroup("g", false, func(map[string]string) (map[string]string, error) {
		return map[string]string{
			"share.auto.offset.reset": "earliest", "share.delivery.count.limit": strconv.Itoa(limit), "errors.deadletterqueue.topic.name": "dlq.q",
		}, nil
	})
	if err := errors.Join(made[0].Err, made[1].Err, err); err != nil {
		s.t.Fatal(err)
	}
	return made[0].Topic
}

// checkLetters checks that there is a dead letter for each record that nobody
// accepted, and for no other.
func (y *custody) checkLetters(dead *metadata.Topic) {
	letters := map[place]int{}
	for r, err := range recordsFrom(dead.Partition(0), new(batch.Codecs), 0) {
		if err != nil {
			y.t.Fatal(err)
		}
		letters[place{int32(headerNumber(y.t, r, headerDeadPartition)), headerNumber(y.t, r, headerDeadOffset)}]++
	}
	for at := range y.keys {
		want := 1
		if y.accepted[at] {
			want = 0
		}
		if letters[at] != want {
			y.t.Errorf("%v has %d dead letters, accepted: %v", at, letters[at], y.accepted[at])
		}
	}
}

func headerNumber(t *testing.T, r batch.Record, name string) int64 {
	t.Helper()
	value, _ := r.Headers.Get(name)
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
