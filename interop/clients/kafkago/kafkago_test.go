package kafkago_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/evidentlog/evident/interop/clients"
)

func TestEachCompressionIsWrittenAndRead(t *testing.T) {
	for _, codec := range []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			topic := newTopic(t, 1)
			values := clients.Values(codec.String(), 2000)
			w := newWriter(t, topic)
			w.Compression = codec
			write(t, w, values)
			if got := valuesOf(read(t, newReader(t, kafka.ReaderConfig{Topic: topic}), len(values))); !slices.Equal(got, values) {
				t.Errorf("%d values came back, not those that went in", len(got))
			}
		})
	}
}

func TestKeyHeadersAndTimestampComeBackAsTheyWent(t *testing.T) {
	topic := newTopic(t, 1)
	sent := kafka.Message{
		Key: []byte("k"), Time: time.UnixMilli(1_700_000_000_123),
		Headers: []kafka.Header{{Key: "trace", Value: []byte{0, 255}}, {Key: "trace", Value: []byte("again")}},
	}
	if err := newWriter(t, topic).WriteMessages(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	got := read(t, newReader(t, kafka.ReaderConfig{Topic: topic}), 1)[0]
	if string(got.Key) != "k" || len(got.Value) != 0 || !got.Time.Equal(sent.Time) || len(got.Headers) != 2 ||
		!bytes.Equal(got.Headers[0].Value, sent.Headers[0].Value) || string(got.Headers[1].Value) != "again" {
		t.Errorf("got %+v, sent %+v", got, sent)
	}
}

func TestEachKindOfAcks(t *testing.T) {
	topic := newTopic(t, 1)
	for _, acks := range []kafka.RequiredAcks{kafka.RequireNone, kafka.RequireOne, kafka.RequireAll} {
		w := newWriter(t, topic)
		w.RequiredAcks = acks
		write(t, w, clients.Values("acks", 100))
	}
	read(t, newReader(t, kafka.ReaderConfig{Topic: topic}), 300)
}

func TestReadFromAnOffsetAndFromATime(t *testing.T) {
	topic := newTopic(t, 1)
	w := newWriter(t, topic)
	for i, v := range clients.Values("v", 10) {
		at := time.UnixMilli(1_700_000_000_000 + int64(i)*1000)
		if err := w.WriteMessages(t.Context(), kafka.Message{Value: []byte(v), Time: at}); err != nil {
			t.Fatal(err)
		}
	}
	r := newReader(t, kafka.ReaderConfig{Topic: topic})
	if err := r.SetOffset(8); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, 2); got[0].Offset != 8 || got[1].Offset != 9 {
		t.Errorf("read offsets %d and %d", got[0].Offset, got[1].Offset)
	}
	if err := r.SetOffsetAt(t.Context(), time.UnixMilli(1_700_000_006_500)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, 1)[0]; got.Offset != 7 {
		t.Errorf("at the time is offset %d, want 7", got.Offset)
	}
}

func TestALargeMessage(t *testing.T) {
	topic := newTopic(t, 1, kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "10000000"})
	w := newWriter(t, topic)
	w.BatchBytes = 10_000_000
	value := clients.Large()
	if err := w.WriteMessages(t.Context(), kafka.Message{Value: value}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, newReader(t, kafka.ReaderConfig{Topic: topic}), 1)[0]; !bytes.Equal(got.Value, value) {
		t.Errorf("%d bytes came back, not the %d that went in", len(got.Value), len(value))
	}
}

func TestAMessageTooLargeForItsTopicIsRefused(t *testing.T) {
	topic := newTopic(t, 1, kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "1000"})
	err := newWriter(t, topic).WriteMessages(t.Context(), kafka.Message{Value: make([]byte, 5000)})
	var each kafka.WriteErrors
	if !errors.As(err, &each) || !errors.Is(each[0], kafka.MessageSizeTooLarge) {
		t.Errorf("error %v, want %v", err, kafka.MessageSizeTooLarge)
	}
}

func TestAnUnknownTopicIsNotMadeByWriting(t *testing.T) {
	w := newWriter(t, clients.Unique("absent"))
	w.MaxAttempts = 2
	err := w.WriteMessages(t.Context(), kafka.Message{Value: []byte("v")})
	if !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("error %v, want %v", err, kafka.UnknownTopicOrPartition)
	}
}
