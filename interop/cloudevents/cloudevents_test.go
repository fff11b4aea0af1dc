package cloudevents

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	sdk "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"pgregory.net/rapid"

	"github.com/evidentlog/evident/event"
)

func TestTheSDKReadsOurJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := draw(t, anyText())
		text, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		var s sdk.Event
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		mustMatch(t, e, &s)
	})
}

func TestWeReadTheSDKsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := draw(t, anyText())
		text, err := json.Marshal(theirs(t, e))
		if err != nil {
			t.Fatal(err)
		}
		got, err := event.ParseJSON(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		s := theirs(t, e)
		mustMatch(t, got, &s)
	})
}

func TestTheSDKReadsOurHTTP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := draw(t, headerText())
		for _, structured := range []bool{false, true} {
			r := &http.Request{Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(e.Data))}
			if structured {
				text, err := e.AppendJSON(nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", event.ContentTypeJSON)
				r.Body = io.NopCloser(bytes.NewReader(text))
			} else if err := e.SetHTTP(r.Header); err != nil {
				t.Fatal(err)
			}
			s, err := cehttp.NewEventFromHTTPRequest(r)
			if err != nil {
				t.Fatal(err)
			}
			mustMatch(t, e, s)
		}
	})
}

func TestWeReadTheSDKsHTTP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := draw(t, headerText())
		s := theirs(t, e)
		for _, ctx := range []context.Context{binding.WithForceBinary(t.Context()), binding.WithForceStructured(t.Context())} {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost", nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := cehttp.WriteRequest(ctx, (*binding.EventMessage)(&s), r); err != nil {
				t.Fatal(err)
			}
			got, err := event.FromHTTP(r.Header, readBody(t, r))
			if err != nil {
				t.Fatalf("%v: %v", r.Header, err)
			}
			mustMatch(t, got, &s)
		}
	})
}

func readBody(t *rapid.T, r *http.Request) []byte {
	if r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestBatchesBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ours, others := []event.Event{}, []sdk.Event{}
		for range rapid.IntRange(0, 5).Draw(t, "events") {
			ours = append(ours, draw(t, anyText()))
			others = append(others, theirs(t, ours[len(ours)-1]))
		}
		text, err := event.AppendBatch(nil, ours...)
		if err != nil {
			t.Fatal(err)
		}
		read, err := cehttp.NewEventsFromHTTPRequest(&http.Request{Header: http.Header{"Content-Type": {event.ContentTypeBatch}}, Body: io.NopCloser(bytes.NewReader(text))})
		if err != nil || len(read) != len(ours) {
			t.Fatalf("%s: %d events, %v", text, len(read), err)
		}
		r, err := cehttp.NewHTTPRequestFromEvents(t.Context(), "http://localhost", others)
		if err != nil {
			t.Fatal(err)
		}
		batch := event.NewBatchReader(r.Body, event.Limits{})
		for i := range ours {
			mustMatch(t, ours[i], &read[i])
			got, err := batch.Next()
			if err != nil {
				t.Fatal(err)
			}
			mustMatch(t, got, &others[i])
		}
		if _, err := batch.Next(); err != io.EOF {
			t.Fatal(err)
		}
	})
}

func TestTheSDKReadsOurRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := draw(t, anyText())
		for _, form := range []func(*event.Event) (event.Record, error){(*event.Event).Record, (*event.Event).StructuredRecord} {
			r, err := form(&e)
			if err != nil {
				t.Fatal(err)
			}
			m := &sarama.ConsumerMessage{Value: r.Value}
			for _, h := range r.Headers {
				m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
			}
			s, err := binding.ToEvent(t.Context(), kafka_sarama.NewMessageFromConsumerMessage(m))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"kafkaoffset", "kafkapartition", "kafkatopic"} { // of the SDK's own
				s.SetExtension(name, nil)
			}
			mustMatch(t, e, s)
		}
	})
}

func TestWeReadTheSDKsRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := draw(t, anyText())
		e.SetExtension(event.PartitionKey, event.String("key"))
		s := theirs(t, e)
		for _, ctx := range []context.Context{binding.WithForceBinary(t.Context()), binding.WithForceStructured(t.Context())} {
			var m sarama.ProducerMessage
			if err := kafka_sarama.WriteProducerMessage(ctx, (*binding.EventMessage)(&s), &m); err != nil {
				t.Fatal(err)
			}
			r := record(t, &m)
			got, err := event.FromRecord(&r)
			if err != nil {
				t.Fatal(err)
			}
			mustMatch(t, got, &s)
			again, err := got.Record()
			if err != nil || !bytes.Equal(again.Key, r.Key) {
				t.Fatalf("key %q, theirs %q, %v", again.Key, r.Key, err)
			}
		}
	})
}

func record(t *rapid.T, m *sarama.ProducerMessage) event.Record {
	var r event.Record
	for to, from := range map[*[]byte]sarama.Encoder{&r.Key: m.Key, &r.Value: m.Value} {
		if from == nil {
			continue
		}
		b, err := from.Encode()
		if err != nil {
			t.Fatal(err)
		}
		*to = b
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, event.Header{Key: string(h.Key), Value: h.Value})
	}
	return r
}
