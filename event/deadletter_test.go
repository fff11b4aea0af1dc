package event

import (
	"strings"
	"testing"
	"time"
)

func TestADeadLetterIsTheSameEventAndSaysWhyItWasGivenUp(t *testing.T) {
	e := valid()
	r, err := e.Record()
	if err != nil {
		t.Fatal(err)
	}
	want := DeadLetter{
		Topic: "orders", Partition: 3, Offset: 1 << 40, Group: "payment", Attempts: 3,
		Reason: "no such account", Stack: "goroutine 1", Time: time.UnixMilli(1700000000123),
	}
	r.Headers = want.Headers(r.Headers)
	got, ok := DeadLetterOf(r.Headers)
	if !ok || got != want {
		t.Fatalf("%+v, %v; want %+v", got, ok, want)
	}
	if back, err := FromRecord(&r); err != nil || !back.Equal(&e) {
		t.Fatalf("%+v, %v", back, err)
	}

	again := DeadLetter{Topic: "dlq.payment", Reason: strings.Repeat("é", MaxDeadLetterText)}
	r.Headers = again.Headers(r.Headers)
	got, ok = DeadLetterOf(r.Headers)
	if !ok || got.Topic != "dlq.payment" || got.Stack != "" || !got.Time.IsZero() || len(got.Reason) > MaxDeadLetterText+len("…") {
		t.Fatalf("of the letter before there is left: %.200v", got)
	}
}

func TestWhatIsNoDeadLetterIsNone(t *testing.T) {
	for name, headers := range map[string][]Header{
		"none": nil, "another's": {{"topic", []byte("a")}}, "without origin": {{headerDeadOffset, []byte("7")}}, "empty origin": {{headerDeadTopic, nil}},
	} {
		if d, ok := DeadLetterOf(headers); ok {
			t.Errorf("%s: %+v", name, d)
		}
	}
	d, ok := DeadLetterOf([]Header{{headerDeadTopic, []byte("a")}, {headerDeadOffset, []byte("x")}, {headerDeadPartition, []byte("99999999999")}, {headerDeadTime, []byte("soon")}})
	if !ok || d != (DeadLetter{Topic: "a"}) {
		t.Errorf("%+v, %v", d, ok)
	}
}
