package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// Topic is where resources are kept.
const Topic = "__evident_resources"

// Types of the events that the records are.
const (
	typeApplied = "evident.resource.applied"
	typeDeleted = "evident.resource.deleted"
)

// Extensions of the events: who asked, and what the records of one request share.
const (
	actorExtension   = "actor"
	requestExtension = "requestid"
)

// errForeign says that a record is none that a writer wrote.
var errForeign = errors.New("this is no record of a resource")

// A stamp is what the records of one request have in common.
type stamp struct {
	source, actor, request string
	time                   time.Time
}

// record makes the record of a change: a CloudEvent in binary mode whose subject is
// the resource's key.
func (s stamp) record(i int, c *Change) (*kgo.Record, error) {
	e := event.Event{
		ID: fmt.Sprintf("%s-%d", s.request, i), Source: s.source, Type: typeDeleted,
		Subject: c.Key.String(), Time: event.At(s.time.UTC()),
	}
	if c.After != nil {
		text, err := c.After.canonical()
		if err != nil {
			return nil, err
		}
		e.Type, e.DataContentType, e.Data = typeApplied, "application/json", text
	}
	for name, value := range map[string]string{actorExtension: s.actor, requestExtension: s.request} {
		e.SetExtension(name, event.String(value))
	}
	made, err := e.Record()
	if err != nil {
		return nil, fmt.Errorf("the record of %v: %w", c.Key, err)
	}
	r := &kgo.Record{Topic: Topic, Key: made.Key, Value: made.Value}
	for _, h := range made.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader(h))
	}
	return r, nil
}

// version reads a record. The kind may be one that this node does not know: it is
// kept for those that do.
func version(r *kgo.Record) (*Version, error) {
	written := event.Record{Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		written.Headers = append(written.Headers, event.Header(h))
	}
	e, err := event.FromRecord(&written)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	key, err := ParseKey(string(r.Key))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	v := &Version{Key: key, Revision: r.Offset, Actor: extension(&e, actorExtension), Request: extension(&e, requestExtension)}
	if v.Time, err = e.Time.Time(); err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	switch e.Type {
	case typeDeleted:
		return v, nil
	case typeApplied:
	default:
		return nil, fmt.Errorf("%w: its type is %q", errForeign, e.Type)
	}
	v.Resource = new(Resource)
	if err := json.Unmarshal(e.Data, v.Resource); err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	if v.Resource.Key() != key {
		return nil, fmt.Errorf("%w: its key is %v, and it declares %v", errForeign, key, v.Resource.Key())
	}
	return v, nil
}

// extension is an extension's text, empty if there is none.
func extension(e *event.Event, name string) string {
	v, _ := e.Extension(name)
	return v.String()
}
