package cloudevents_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/gateway/cloudevents"
	"github.com/evidentlog/evident/internal/gateway/intake"
)

func TestEachModeWritesTheEventThatItHas(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 3)
	d := open(t, n, nil)
	var one place
	d.post("application/cloudevents+json", text("structured")).json(t, 202, &one)
	var two place
	d.post("application/json", `{"n":"binary"}`, "ce-specversion", "1.0", "ce-id", "binary", "ce-source", "/shop",
		"ce-type", "order.placed", "ce-subject", "order-binary").json(t, 202, &two)
	var more []place
	d.post("application/cloudevents-batch+json", "["+text("batch-1")+","+text("batch-2")+"]").json(t, 202, &more)
	lines := strings.Split(d.post("application/x-ndjson", text("line-1")+"\n\n"+text("line-2")).text, "\n")
	all := append(more, one, two)
	for i := range 2 {
		var p place
		answer{202, nil, lines[i]}.json(t, 202, &p)
		if p.Index != i {
			t.Errorf("line %d is answered as %d", i, p.Index)
		}
		p.Index = 0
		all = append(all, p)
	}
	logged := d.logged()
	if len(logged) != len(all) {
		t.Errorf("the log has %d events, want %d", len(logged), len(all))
	}
	for _, p := range all {
		e, ok := logged[p]
		if !ok {
			t.Errorf("nothing is at %+v", p)
			continue
		}
		if e.Source != "/shop" || e.Subject != "order-"+p.ID || string(e.Data) != fmt.Sprintf(`{"n":%q}`, p.ID) || e.Time == "" {
			t.Errorf("at %+v is %+v with %s", p, e, e.Data)
		}
	}
	if want := `{"written":2,"failed":0}`; lines[2] != want {
		t.Errorf("the last line is %s, want %s", lines[2], want)
	}
}

func TestAnEventSentAgainIsWrittenOnceAndGetsTheFirstAnswer(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 3)
	d := open(t, n, nil)
	first := d.post("application/cloudevents+json", text("1"))
	d.post("application/cloudevents+json", text("2"))
	for _, again := range []*door{d, open(t, n, nil)} { // the second knows only what is in the log
		if a := again.post("application/cloudevents+json", text("1")); a.text != first.text || a.status != 202 {
			t.Errorf("again: %d %s, want %s", a.status, a.text, first.text)
		}
		if a := again.post("application/cloudevents-batch+json", "["+text("1")+","+text("1")+"]"); strings.Count(a.text, strings.TrimSpace(first.text)) != 2 {
			t.Errorf("again, twice: %s, want %s", a.text, first.text)
		}
		if a := again.post("application/x-ndjson", text("1")); !strings.Contains(a.text, strings.TrimSpace(first.text)[1:]) {
			t.Errorf("again, as a line: %s, want %s", a.text, first.text)
		}
	}
	if got := len(d.logged()); got != 2 {
		t.Errorf("the log has %d events, want 2", got)
	}
}

// posted sends an event until it is taken, with a second between two times, and tells how
// often that was.
func (d *door) posted(id string) (p place, times int) {
	d.t.Helper()
	for times = 1; times < 10; times++ {
		a := d.post("application/cloudevents+json", text(id))
		if a.status == http.StatusAccepted {
			a.json(d.t, http.StatusAccepted, &p)
			return p, times
		}
		if a.status != http.StatusServiceUnavailable {
			d.t.Fatalf("event %s: %d %s", id, a.status, a.text)
		}
		time.Sleep(time.Second)
	}
	d.t.Fatalf("event %s is not taken after %d times", id, times)
	return p, times
}

func TestATopicThatIsMadeAgainTakesEventsAndHasSeenNothing(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		topic(t, n, 1)
		d := open(t, n, nil)
		for _, id := range []string{"1", "2"} {
			d.posted(id)
		}
		client := n.Client()
		defer client.Close()
		if _, err := kadm.NewClient(client).DeleteTopic(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		topic(t, n, 1)
		time.Sleep(2 * time.Second) // what was known of the topic is too old now
		for i, id := range []string{"2", "1"} {
			p, times := d.posted(id)
			if p.Offset != int64(i) || times > 3 {
				t.Errorf("event %s is at %d at the time %d", id, p.Offset, times)
			}
		}
		if got := len(d.logged()); got != 2 {
			t.Errorf("the log has %d events, want 2", got)
		}
	}, evidenttest.WithoutLedger())
}

func TestPartitionsThatAreAddedTakeEvents(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		topic(t, n, 1)
		d := open(t, n, nil)
		d.posted("before")
		client := n.Client()
		defer client.Close()
		if _, err := kadm.NewClient(client).CreatePartitions(t.Context(), 40, "orders"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // what was known of the topic is too old now
		used := map[int32]bool{}
		for i := range 20 {
			p, times := d.posted(fmt.Sprint(i))
			if times > 1 {
				t.Errorf("event %d, for partition %d, was refused", i, p.Partition)
			}
			used[p.Partition] = true
		}
		if len(used) < 5 {
			t.Errorf("20 events are in %d partitions of 41", len(used))
		}
	}, evidenttest.WithoutLedger())
}

func TestTheSameEventSentAtOnceIsWrittenOnce(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	d := open(t, n, nil)
	var all sync.WaitGroup
	answers := make([]string, 32)
	for i := range answers {
		all.Go(func() {
			a, err := d.send("/v1/topics/orders/events", "application/cloudevents+json", strings.NewReader(text("1")))
			if answers[i] = a.text; err != nil || a.status != 202 {
				t.Errorf("%d %s, %v", a.status, a.text, err)
			}
		})
	}
	all.Wait()
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("one is told %s and another %s", answers[0], a)
		}
	}
	if got := len(d.logged()); got != 1 {
		t.Errorf("the log has %d events, want 1", got)
	}
}

func TestEventsOfOneKeyAreInOnePartitionInOrder(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 5)
	d := open(t, n, nil)
	var lines strings.Builder
	const count = 2000
	for i := range count {
		fmt.Fprintf(&lines, `{"specversion":"1.0","id":"%d","source":"/s","type":"t","partitionkey":"one"}`+"\n", i)
	}
	if a := d.post("application/x-ndjson", lines.String()); !strings.Contains(a.text, `"written":2000,"failed":0`) {
		t.Fatal(a.text[max(0, len(a.text)-300):])
	}
	for p := range d.logged() {
		if p.ID != fmt.Sprint(p.Offset) {
			t.Fatalf("event %s is at %d of partition %d", p.ID, p.Offset, p.Partition)
		}
	}
}

func TestABatchWithABadEventIsNotWritten(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	d := open(t, n, nil)
	var p struct {
		Status int
		Events []place
	}
	d.post("application/cloudevents-batch+json", "["+text("1")+`,{"specversion":"1.0","id":"2"},`+text("3")+`,{"specversion":"2.0"}]`).json(t, 422, &p)
	if len(p.Events) != 2 || p.Events[0].Index != 1 || p.Events[1].Index != 3 || p.Events[0].Offset == 0 {
		t.Errorf("it says %+v", p)
	}
	huge := strings.Replace(text("4"), `"data":`, `"huge":"`+strings.Repeat("x", 2<<20)+`","data":`, 1)
	d.post("application/cloudevents-batch+json", "["+text("1")+","+huge+"]").json(t, 413, &p)
	if len(p.Events) != 1 || p.Events[0].Index != 1 {
		t.Errorf("of one that is too large it says %+v", p)
	}
	d.post("application/cloudevents+json", text("5")).json(t, 202, &p)
	if logged := d.logged(); len(logged) != 1 {
		t.Errorf("the log has %v", logged)
	}
}

func TestOfManyBadEventsTheFirstAreTold(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	d := open(t, n, nil)
	var p struct {
		Detail string
		Events []place
	}
	d.post("application/cloudevents-batch+json", "["+strings.Repeat("{},", 9999)+"{}]").json(t, 422, &p)
	if len(p.Events) != 100 || p.Events[99].Index != 99 || !strings.Contains(p.Detail, "10000 of 10000 events") {
		t.Errorf("%d are told of, and %q", len(p.Events), p.Detail)
	}
}

func TestABatchWhoseEventsTakeMoreMemoryThanThereIsIsRefused(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	d := open(t, n, func(_ *intake.Config, c *cloudevents.Config) { c.MaxBody, c.Pending = 1<<20, 2<<20 })
	small := `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`
	for range 2 { // and nothing of it is left
		a := d.post("application/cloudevents-batch+json", "["+strings.Repeat(small+",", 9999)+small+"]")
		if a.status != http.StatusRequestEntityTooLarge || !strings.Contains(a.text, "2097152 bytes") {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
	if a := d.post("application/cloudevents+json", text("2")); a.status != http.StatusAccepted {
		t.Errorf("after that: %d %s", a.status, a.text)
	}
}

func TestAnEventOfAnAbortedTransactionIsWritten(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	topic(t, n, 1)
	client := n.Client(kgo.TransactionalID("other"))
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Topic: "orders", Headers: []kgo.RecordHeader{
		{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("1")},
		{Key: "ce_source", Value: []byte("/shop")}, {Key: "ce_type", Value: []byte("order.placed")},
	}}
	if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := client.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	var p place
	open(t, n, nil).post("application/cloudevents+json", text("1")).json(t, http.StatusAccepted, &p)
	if p.Offset != r.Offset+2 {
		t.Errorf("it is at %d, want %d, behind the record at %d and its marker", p.Offset, r.Offset+2, r.Offset)
	}
}

func TestTimesOf1970And2200AreKept(t *testing.T) {
	n := evidenttest.Start(t, evidenttest.WithoutLedger())
	d := open(t, n, nil)
	times := []string{"1970-01-01T00:00:00Z", "2200-12-31T23:59:59.5+14:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}
	for i, at := range times {
		a := d.post("application/cloudevents+json", fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s","type":"t","time":%q}`, i, at))
		if a.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", at, a.status, a.text)
		}
	}
	for p, e := range d.logged() {
		if string(e.Time) != times[p.Offset] {
			t.Errorf("%s has become %s", times[p.Offset], e.Time)
		}
	}
}
