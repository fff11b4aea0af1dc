package sarama_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/evidentlog/evident/interop/clients"
)

func TestEachCompressionIsProducedAndConsumed(t *testing.T) {
	for _, codec := range []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	} {
		t.Run(codec.String(), func(t *testing.T) {
			topic := newTopic(t, 1, nil)
			values := clients.Values(codec.String(), 2000)
			produce(t, topic, values, func(c *sarama.Config) { c.Producer.Compression = codec })
			if got := valuesOf(read(t, topic, sarama.OffsetOldest, len(values))); !slices.Equal(got, values) {
				t.Errorf("%d values came back, not those that went in", len(got))
			}
		})
	}
}

func TestKeyHeadersAndTimestampComeBackAsTheyWent(t *testing.T) {
	topic := newTopic(t, 1, nil)
	sent := &sarama.ProducerMessage{
		Topic: topic, Key: sarama.StringEncoder("k"), Timestamp: time.UnixMilli(1_700_000_000_123),
		Headers: []sarama.RecordHeader{{Key: []byte("trace"), Value: []byte{0, 255}}, {Key: []byte("trace"), Value: []byte("again")}},
	}
	send(t, newProducer(t, nil), sent)
	got := read(t, topic, sarama.OffsetOldest, 1)[0]
	if string(got.Key) != "k" || got.Value != nil || !got.Timestamp.Equal(sent.Timestamp) || len(got.Headers) != 2 ||
		!bytes.Equal(got.Headers[0].Value, sent.Headers[0].Value) || string(got.Headers[1].Value) != "again" {
		t.Errorf("got %+v, sent %+v", got, sent)
	}
}

func TestAnIdempotentProducerKeepsOrder(t *testing.T) {
	topic := newTopic(t, 1, nil)
	values := clients.Values("order", 5000)
	produce(t, topic, values, func(c *sarama.Config) {
		c.Producer.Idempotent = true
		c.Net.MaxOpenRequests = 1
	})
	if got := valuesOf(read(t, topic, sarama.OffsetOldest, len(values))); !slices.Equal(got, values) {
		t.Errorf("%d values came back, not in the order they went in", len(got))
	}
}

func TestCommittedRecordsAreReadAndAbortedOnesAreNot(t *testing.T) {
	topic := newTopic(t, 1, nil)
	p := newProducer(t, func(c *sarama.Config) {
		c.Producer.Idempotent = true
		c.Producer.Transaction.ID = clients.Unique("txn")
		c.Net.MaxOpenRequests = 1
	})
	for _, commit := range []bool{false, true, false, true} {
		value, end := "lost", p.AbortTxn
		if commit {
			value, end = "kept", p.CommitTxn
		}
		if err := p.BeginTxn(); err != nil {
			t.Fatal(err)
		}
		send(t, p, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	if got := valuesOf(read(t, topic, sarama.OffsetOldest, 2)); !slices.Equal(got, []string{"kept", "kept"}) {
		t.Errorf("read %q", got)
	}
}

func TestEachKindOfAcks(t *testing.T) {
	topic := newTopic(t, 1, nil)
	for _, acks := range []sarama.RequiredAcks{sarama.NoResponse, sarama.WaitForLocal, sarama.WaitForAll} {
		produce(t, topic, clients.Values("acks", 100), func(c *sarama.Config) { c.Producer.RequiredAcks = acks })
	}
	read(t, topic, sarama.OffsetOldest, 300)
}

func TestConsumeFromAnOffsetAndFromATime(t *testing.T) {
	topic := newTopic(t, 1, nil)
	p := newProducer(t, nil)
	for i, v := range clients.Values("v", 10) {
		send(t, p, &sarama.ProducerMessage{
			Topic: topic, Value: sarama.StringEncoder(v), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)*1000),
		})
	}
	client := newClient(t)
	for at, want := range map[int64]int64{sarama.OffsetOldest: 0, sarama.OffsetNewest: 10, 1_700_000_006_500: 7} {
		if got, err := client.GetOffset(topic, 0, at); err != nil || got != want {
			t.Errorf("offset at %d is %d (%v), want %d", at, got, err, want)
		}
	}
	if got := read(t, topic, 7, 3); got[0].Offset != 7 || got[2].Offset != 9 {
		t.Errorf("read offsets %d to %d", got[0].Offset, got[2].Offset)
	}
}

func TestALargeMessage(t *testing.T) {
	size := "10000000"
	topic := newTopic(t, 1, map[string]*string{"max.message.bytes": &size})
	value := clients.Large()
	p := newProducer(t, func(c *sarama.Config) { c.Producer.MaxMessageBytes = 10_000_000 })
	send(t, p, &sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(value)})
	if got := read(t, topic, sarama.OffsetOldest, 1)[0]; !bytes.Equal(got.Value, value) {
		t.Errorf("%d bytes came back, not the %d that went in", len(got.Value), len(value))
	}
}

func TestAMessageTooLargeForItsTopicIsRefused(t *testing.T) {
	size := "1000"
	topic := newTopic(t, 1, map[string]*string{"max.message.bytes": &size})
	_, _, err := newProducer(t, nil).SendMessage(&sarama.ProducerMessage{
		Topic: topic, Value: sarama.ByteEncoder(make([]byte, 5000)),
	})
	if !errors.Is(err, sarama.ErrMessageSizeTooLarge) {
		t.Errorf("error %v, want %v", err, sarama.ErrMessageSizeTooLarge)
	}
}
