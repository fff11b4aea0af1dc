package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/process/state"
)

// Topics are where a processor's history is.
type Topics struct {
	// Inputs are those of the processor.
	Inputs []string
	// Notes, Outputs, Changelog and DeadLetters are one topic each.
	Notes, Outputs, Changelog, DeadLetters string
	// Group is the consumer group that commits the positions.
	Group string
}

// Read reads what is committed now. opts are those with which a client reaches the
// cluster.
func Read(ctx context.Context, opts []kgo.Opt, t Topics) (h History, err error) {
	adm, err := kadm.NewOptClient(opts...)
	if err != nil {
		return h, err
	}
	defer adm.Close()
	if h.Committed, err = committed(ctx, adm, t); err != nil {
		return h, err
	}
	r := reader{adm: adm, opts: opts}
	err = r.each(ctx, t.Inputs, func(rec *kgo.Record) error {
		h.Inputs = append(h.Inputs, Input{placeOf(rec), string(rec.Key)})
		return nil
	})
	if err != nil {
		return h, err
	}
	err = r.each(ctx, []string{t.Notes}, func(rec *kgo.Record) error {
		n := Note{At: placeOf(rec)}
		h.Notes = append(h.Notes, n)
		return json.Unmarshal(rec.Value, &h.Notes[len(h.Notes)-1])
	})
	if err != nil {
		return h, err
	}
	h.Aborted = r.aborted // in the inputs there are no transactions
	err = r.each(ctx, []string{t.Outputs}, func(rec *kgo.Record) error {
		h.Outputs = append(h.Outputs, Output{At: placeOf(rec)})
		return json.Unmarshal(rec.Value, &h.Outputs[len(h.Outputs)-1])
	})
	if err != nil {
		return h, err
	}
	if err := r.each(ctx, []string{t.Changelog}, func(rec *kgo.Record) error { return h.addChange(rec) }); err != nil {
		return h, err
	}
	err = r.each(ctx, []string{t.DeadLetters}, func(rec *kgo.Record) error {
		p, err := deadOf(rec)
		h.Dead = append(h.Dead, p)
		return err
	})
	return h, err
}

// addChange adds a record of the changelog, if it is of the states.
func (h *History) addChange(rec *kgo.Record) error {
	store, key, err := state.ParseKey(rec.Key)
	if err != nil || store != Store {
		return err
	}
	c := Change{At: placeOf(rec), Key: string(key), Gone: rec.Value == nil}
	if !c.Gone {
		value, _, err := state.ParseValue(rec.Value)
		if err != nil {
			return err
		}
		if c.State, err = ParseState(value); err != nil {
			return err
		}
	}
	h.Changes = append(h.Changes, c)
	return nil
}

// deadOf is where the record stands that a dead letter is of.
func deadOf(rec *kgo.Record) (Place, error) {
	headers := make([]event.Header, len(rec.Headers))
	for i, h := range rec.Headers {
		headers[i] = event.Header(h)
	}
	d, ok := event.DeadLetterOf(headers)
	if !ok {
		return Place{}, fmt.Errorf("%w: offset %d of topic %q", errNoLetter, rec.Offset, rec.Topic)
	}
	return Place{d.Topic, d.Partition, d.Offset}, nil
}

// errNoLetter is of a record in the topic of dead letters that is none.
var errNoLetter = errors.New("no dead letter")

func placeOf(r *kgo.Record) Place { return Place{r.Topic, r.Partition, r.Offset} }

// committed are the positions of the group in the inputs.
func committed(ctx context.Context, adm *kadm.Client, t Topics) ([]Place, error) {
	offsets, err := adm.FetchOffsets(kadm.RequireStable(ctx), t.Group)
	if err != nil {
		return nil, fmt.Errorf("positions of group %q: %w", t.Group, err)
	}
	var places []Place
	offsets.Each(func(o kadm.OffsetResponse) {
		err = errors.Join(err, o.Err)
		if slices.Contains(t.Inputs, o.Topic) && o.At >= 0 {
			places = append(places, Place{o.Topic, o.Partition, o.At})
		}
	})
	slices.SortFunc(places, comparePlaces)
	return places, err
}

// reader reads topics from their beginning to what is now their end.
type reader struct {
	adm     *kadm.Client
	opts    []kgo.Opt
	aborted int // markers of transactions that were aborted, of all that was read
}

// each calls do with the committed records of topics, in order within a partition. A
// topic that is not there has none.
func (r *reader) each(ctx context.Context, topics []string, do func(*kgo.Record) error) error {
	ends, err := r.ends(ctx, topics)
	if err != nil || len(ends) == 0 {
		return err
	}
	from := make(map[string]map[int32]kgo.Offset)
	for p := range ends {
		if from[p.Topic] == nil {
			from[p.Topic] = make(map[int32]kgo.Offset)
		}
		from[p.Topic][p.Partition] = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(append(slices.Clone(r.opts), kgo.ConsumePartitions(from),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for len(ends) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fetches.Err0()); err != nil {
			return fmt.Errorf("reading %s, of which %d partitions are left: %w", topics, len(ends), err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			if err := r.take(it.Next(), ends, do); err != nil {
				return err
			}
		}
	}
	return nil
}

// take calls do with a record that is before its partition's end, and takes note of who has
// come to that.
func (r *reader) take(rec *kgo.Record, ends map[Place]int64, do func(*kgo.Record) error) error {
	p := placeOf(rec).partition()
	end, more := ends[p]
	if !more {
		return nil
	}
	if rec.Offset >= end-1 {
		delete(ends, p)
	}
	switch {
	case rec.Offset >= end:
	case rec.Attrs.IsControl():
		var marker kmsg.ControlRecordKey
		if marker.ReadFrom(rec.Key) == nil && marker.Type == kmsg.ControlRecordKeyTypeAbort {
			r.aborted++
		}
	default:
		if err := do(rec); err != nil {
			return fmt.Errorf("record %s: %w", placeOf(rec), err)
		}
	}
	return nil
}

// ends are the last stable offsets of all partitions that hold something.
func (r *reader) ends(ctx context.Context, topics []string) (map[Place]int64, error) {
	there, err := r.adm.ListTopics(ctx, topics...)
	if err != nil {
		return nil, err
	}
	ends := make(map[Place]int64)
	for _, topic := range topics {
		if !there.Has(topic) {
			continue
		}
		offsets, err := r.adm.ListCommittedOffsets(ctx, topic)
		if err == nil {
			err = offsets.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("end of topic %q: %w", topic, err)
		}
		offsets.Each(func(o kadm.ListedOffset) {
			if o.Offset > 0 {
				ends[Place{Topic: o.Topic, Partition: o.Partition}] = o.Offset
			}
		})
	}
	return ends, nil
}
