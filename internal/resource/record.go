package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Topic is where resources are kept.
const Topic = "__evident_resources"

// Types of the events that the records are.
const (
	typeApplied = "evident.resource.applied"
	typeDeleted = "evident.resource.deleted"
)

// Headers of a record, as CloudEvents' Kafka binding has them in binary mode.
const (
	headerSpec    = "ce_specversion"
	headerID      = "ce_id"
	headerSource  = "ce_source"
	headerType    = "ce_type"
	headerSubject = "ce_subject"
	headerTime    = "ce_time"
	headerActor   = "ce_actor"
	headerRequest = "ce_requestid"
	headerContent = "content-type"
)

// errForeign says that a record is none that a writer wrote.
var errForeign = errors.New("this is no record of a resource")

// A stamp is what the records of one request have in common.
type stamp struct {
	source, actor, request string
	time                   time.Time
}

// record makes the record of a change.
func (s stamp) record(i int, c *Change) (*kgo.Record, error) {
	r := &kgo.Record{Topic: Topic, Key: []byte(c.Key.String())}
	typ := typeDeleted
	if c.After != nil {
		text, err := c.After.canonical()
		if err != nil {
			return nil, err
		}
		r.Value, typ = text, typeApplied
	}
	for _, h := range [][2]string{
		{headerSpec, "1.0"},
		{headerID, fmt.Sprintf("%s-%d", s.request, i)},
		{headerSource, s.source},
		{headerType, typ},
		{headerSubject, c.Key.String()},
		{headerTime, s.time.UTC().Format(time.RFC3339Nano)},
		{headerActor, s.actor},
		{headerRequest, s.request},
		{headerContent, "application/json"},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r, nil
}

// version reads a record. The kind may be one that this node does not know: it is
// kept for those that do.
func version(r *kgo.Record) (*Version, error) {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	key, err := ParseKey(string(r.Key))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	v := &Version{Key: key, Revision: r.Offset, Actor: headers[headerActor], Request: headers[headerRequest]}
	if v.Time, err = time.Parse(time.RFC3339Nano, headers[headerTime]); err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	switch headers[headerType] {
	case typeDeleted:
		return v, nil
	case typeApplied:
	default:
		return nil, fmt.Errorf("%w: its type is %q", errForeign, headers[headerType])
	}
	v.Resource = new(Resource)
	if err := json.Unmarshal(r.Value, v.Resource); err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	if v.Resource.Key() != key {
		return nil, fmt.Errorf("%w: its key is %v, and it declares %v", errForeign, key, v.Resource.Key())
	}
	return v, nil
}
