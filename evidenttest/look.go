package evidenttest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// observer is the id of the client that looks at the node. No fault concerns it.
const observer = "evidenttest-observer"

// look is what a test sees of the node, from outside.
type look struct {
	node *Node

	mu     sync.Mutex
	client *kgo.Client // of the node that is up; nil before the first look

	reading gate // held while topics are read
	topics  map[kadm.TopicID]*topic
	of      *kgo.Client // that read them

	naming gate // held while names are asked for
	names  map[kadm.TopicID]string
}

func newLook(n *Node) *look { return &look{node: n, reading: newGate(), naming: newGate()} }

// observe returns a client that looks.
func (l *look) observe() (*kgo.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client != nil {
		return l.client, nil
	}
	c, err := kgo.NewClient(append(l.node.Process(observer).Options(), kgo.RetryTimeout(time.Second))...)
	if err == nil {
		l.client = c
	}
	return c, err
}

// forget ends all looking at a node that goes down. One that is started again may not
// have what was seen.
func (l *look) forget() {
	l.mu.Lock()
	client := l.client
	l.client = nil
	l.mu.Unlock()
	if client != nil {
		client.Close()
	}
}

// all reads what is new in the topics of that name, or in all but the node's own if there
// are no names. Those that do not exist are left out. They are sorted.
func (l *look) all(ctx context.Context, names ...string) ([]*topic, error) {
	l.reading.lock()
	defer l.reading.unlock()
	client, err := l.observe()
	if err != nil {
		return nil, err
	}
	if l.of != client {
		l.of, l.topics = client, make(map[kadm.TopicID]*topic)
	}
	listed, err := kadm.NewClient(client).ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the topics: %w", err)
	}
	var found []*topic
	for _, d := range listed.Sorted() {
		if d.Err != nil || len(names) > 0 && !slices.Contains(names, d.Topic) {
			continue
		}
		t := l.topics[d.ID]
		if t == nil {
			t = &topic{name: d.Topic, id: d.ID}
			l.topics[d.ID] = t
		}
		if err := t.read(ctx, client, len(d.Partitions)); err != nil {
			return nil, fmt.Errorf("reading topic %s: %w", d.Topic, err)
		}
		found = append(found, t.copy())
	}
	return found, nil
}

// admin is a client for everything else.
func (l *look) admin() (*kadm.Client, error) {
	client, err := l.observe()
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}

// about tells whether a request names a topic, by name or by id.
func (l *look) about(r *request, name string) bool {
	if r.body == nil {
		return false
	}
	return !mentions(reflect.ValueOf(r.body), func(field string, v reflect.Value) bool {
		switch said := v.Interface().(type) {
		case string:
			return field != "Topic" || said != name
		case *string:
			return field != "Topic" || said == nil || *said != name
		case []string:
			return field != "TopicNames" || !slices.Contains(said, name)
		case [16]byte:
			return field != "TopicID" || l.name(said) != name
		}
		return true
	})
}

// name is that of the topic with an id, or empty. Ids are asked for once.
func (l *look) name(id kadm.TopicID) string {
	if id == (kadm.TopicID{}) {
		return ""
	}
	l.naming.lock()
	defer l.naming.unlock()
	if name, known := l.names[id]; known {
		return name
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	admin, err := l.admin()
	if err != nil {
		return ""
	}
	listed, err := admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return ""
	}
	l.names = map[kadm.TopicID]string{id: ""}
	for _, d := range listed {
		l.names[d.ID] = d.Topic
	}
	return l.names[id]
}
