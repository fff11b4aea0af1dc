package broker

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/share"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log/batch"
)

// writerTo makes a writer of dead letters for offsets of a partition, and has it
// write in batches of at most so many bytes.
func writerTo(first, last int64, most int) *deadLetterWriter {
	return &deadLetterWriter{
		job:    deadLetterJob{DeadLetter: share.DeadLetter{Group: "g", Partition: 3, First: first, Last: last, Deliveries: 2}},
		codecs: new(batch.Codecs), now: 7, from: "orders", most: most,
	}
}

// originals are records at some offsets, with the offset as key and the value.
func originals(value string, offsets ...int64) func(func(batch.Record, error) bool) {
	return func(yield func(batch.Record, error) bool) {
		for _, offset := range offsets {
			r := batch.Record{Offset: offset, Key: []byte(fmt.Sprint(offset)), Value: []byte(value)}
			r.Headers = r.Headers.Append("own", []byte("header"))
			if !yield(r, nil) {
				return
			}
		}
	}
}

// written are the letters that a writer made.
func written(t *testing.T, w *deadLetterWriter) (all []batch.Record) {
	t.Helper()
	for _, raw := range w.batches {
		if len(raw) > w.most {
			t.Errorf("a batch of %d bytes, at most %d are allowed", len(raw), w.most)
		}
		b, _, err := batch.Next(raw)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range w.codecs.Records(b) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	return all
}

// showLetter is a letter's key and value, its own headers, and the offset it is of.
func showLetter(r batch.Record) string {
	offset, _ := r.Headers.Get(headerDeadOffset)
	own, _ := r.Headers.Get("own")
	return fmt.Sprintf("%s %s %.10s %s", offset, r.Key, r.Value, own)
}

func TestDeadLettersAreCopiesWithWhereTheyCameFrom(t *testing.T) {
	w := writerTo(4, 6, 1<<20)
	if err := w.build(originals("v", 2, 3, 4, 6, 9)); err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, r := range written(t, w) {
		shown = append(shown, showLetter(r))
	}
	want := []string{"4 4 v header", "5   ", "6 6 v header"} // the log has no record at 5
	if !slices.Equal(shown, want) || w.last != 6 {
		t.Errorf("%q up to %d, want %q", shown, w.last, want)
	}
	letter := written(t, w)[0]
	got := map[string]string{}
	for name, value := range letter.Headers.All() {
		got[string(name)] = string(value)
	}
	headers := map[string]string{
		"own": "header", headerDeadTopic: "orders", headerDeadPartition: "3", headerDeadOffset: "4", headerDeadGroup: "g",
		headerDeadDeliveries: "2", headerDeadMessage: "The record's delivery count has reached the group's limit.",
	}
	if letter.Timestamp != 7 || !maps.Equal(got, headers) {
		t.Errorf("at %d, headers %q, want %q", letter.Timestamp, got, headers)
	}
	w = writerTo(4, 4, 1<<20)
	w.job.Rejected = true
	if err := w.build(none); err != nil {
		t.Fatal(err)
	}
	if why, _ := written(t, w)[0].Headers.Get(headerDeadMessage); string(why) != "A member of the group has rejected the record." {
		t.Errorf("%q", why)
	}
}

func TestDeadLettersFitTheirTopic(t *testing.T) {
	w := writerTo(0, 9, 4000)
	if err := w.build(originals(strings.Repeat("x", 1000), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)); err != nil {
		t.Fatal(err)
	}
	if got := written(t, w); len(got) != 10 || len(w.batches) < 4 || string(got[9].Key) != "9" {
		t.Errorf("%d letters in %d batches", len(got), len(w.batches))
	}
	w = writerTo(0, 1, 4000)
	if err := w.build(originals(strings.Repeat("x", 5000), 0, 1)); err != nil {
		t.Fatal(err)
	}
	for i, r := range written(t, w) {
		if got, want := showLetter(r), fmt.Sprintf("%d   ", i); got != want {
			t.Errorf("of a record that does not fit: %q, want %q", got, want)
		}
	}
}

// What is written at once is bounded; the rest is another job.
func TestManyLargeDeadLettersAreSeveralJobs(t *testing.T) {
	w := writerTo(0, 99, 1<<20)
	var offsets []int64
	for offset := range int64(100) {
		offsets = append(offsets, offset)
	}
	if err := w.build(originals(strings.Repeat("x", 100_000), offsets...)); err != nil {
		t.Fatal(err)
	}
	if got := written(t, w); int64(len(got)) != w.last+1 || w.last >= 60 || w.bytes < deadLetterBytes {
		t.Errorf("%d letters, %d bytes, up to %d", len(got), w.bytes, w.last)
	}
}

func TestOriginalsThatCannotBeReadAreAnError(t *testing.T) {
	torn := errors.New("torn")
	err := writerTo(0, 1, 1<<20).build(func(yield func(batch.Record, error) bool) { yield(batch.Record{}, torn) })
	if !errors.Is(err, torn) {
		t.Errorf("%v", err)
	}
}

func TestOnlyTopicsThatAllowItGetDeadLetters(t *testing.T) {
	s := start(t)
	for _, spec := range []metadata.Spec{
		{Name: "dlq.allowed", Partitions: 1, Configs: map[string]string{topicconfig.DeadLetters: "true"}},
		{Name: "dlq.not", Partitions: 1},
		{Name: "other", Partitions: 1, Configs: map[string]string{topicconfig.DeadLetters: "true"}},
	} {
		if made := s.store.Create([]metadata.Spec{spec}, false)[0]; made.Err != nil {
			t.Fatal(made.Err)
		}
	}
	for name, allowed := range map[string]bool{"dlq.allowed": true, "dlq.not": false, "other": false, "dlq.nowhere": false, "": false, "__consumer_offsets": false} {
		topic, err := s.letters.topic(name)
		if allowed != (err == nil && topic.Name == name) || !allowed && !errors.Is(err, share.ErrNoDeadLetters) {
			t.Errorf("topic %q: %v", name, err)
		}
	}
	none := ""
	s = start(t, func(c *Config) { c.DeadLetterCreate, c.DeadLetterPrefix = true, &none })
	for range 2 { // made, and there
		if topic, err := s.letters.topic("letters"); err != nil || topic.Configs[topicconfig.DeadLetters] != "true" {
			t.Errorf("%+v, %v", topic, err)
		}
	}
}

func TestARejectedRecordGetsADeadLetterInThePartitionOfItsNumber(t *testing.T) {
	s := start(t)
	s.queue(3, "orders", "g", "errors.deadletterqueue.topic.name", "dlq.orders", "errors.deadletterqueue.copy.record.enable", "true")
	s.create(2, map[string]*string{topicconfig.DeadLetters: new("true")}, "dlq.orders")
	producer := s.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for p := range int32(3) {
		r := &kgo.Record{Topic: "orders", Partition: p, Key: []byte("k"), Value: []byte(strconv.Itoa(int(p))), Headers: []kgo.RecordHeader{{Key: "own", Value: []byte("h")}}}
		if err := producer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	c := s.member("g", "orders")
	for _, r := range take(t, c, 3) {
		r.Ack(kgo.AckReject)
	}
	if err := c.FlushAcks(t.Context()); err != nil {
		t.Fatal(err)
	}
	reader := s.client(kgo.ConsumeTopics("dlq.orders"))
	var got []string
	for len(got) < 3 {
		fetches := reader.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			headers := map[string]string{}
			for _, h := range r.Headers {
				headers[h.Key] = string(h.Value)
			}
			got = append(got, fmt.Sprintf("%s=%s of %s-%s@%s in %d, own %s", r.Key, r.Value, headers[headerDeadTopic], headers[headerDeadPartition],
				headers[headerDeadOffset], r.Partition, headers["own"]))
		})
	}
	slices.Sort(got)
	want := []string{"k=0 of orders-0@0 in 0, own h", "k=1 of orders-1@0 in 1, own h", "k=2 of orders-2@0 in 0, own h"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
