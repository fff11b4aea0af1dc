package topic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/topic"
)

// A world is a node, and the kind that makes its topics.
type world struct {
	t      *testing.T
	client *kgo.Client
	admin  *kadm.Client
	kind   resource.Kind
	kinds  *resource.Kinds
}

func newWorld(t *testing.T) *world {
	t.Helper()
	client := evidenttest.Start(t).Client()
	w := &world{t: t, client: client, admin: kadm.NewClient(client), kind: topic.New(topic.Config{Client: client, ReplicationFactor: -1})}
	var err error
	if w.kinds, err = resource.NewKinds(w.kind); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) declared(name, spec string) *resource.Resource {
	w.t.Helper()
	r, faults := w.kinds.Parse(json.RawMessage(fmt.Sprintf(`{"apiVersion":"evident/v1","kind":"Topic","metadata":{"name":%q},"spec":%s}`, name, spec)))
	if len(faults) > 0 {
		w.t.Fatal(faults)
	}
	return r
}

// become examines a change, and makes it if that finds nothing.
func (w *world) become(before, after *resource.Resource, allowed resource.Allowed) error {
	w.t.Helper()
	c := resource.Change{Before: before, After: after}
	if after != nil {
		c.Key = after.Key()
	} else {
		c.Key = before.Key()
	}
	if err := w.kind.Reconciler.Examine(w.t.Context(), []resource.Change{c}, allowed)[c.Key]; err != nil {
		return err
	}
	return w.kind.Reconciler.Make(w.t.Context(), []resource.Change{c}, allowed)[c.Key]
}

// drift is how a topic differs from what is declared.
func (w *world) drift(r *resource.Resource) string {
	w.t.Helper()
	all, err := w.kind.Reconciler.Drift(w.t.Context(), []*resource.Resource{r})
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, d := range all[r.Key()] {
		lines = append(lines, d.String())
	}
	return strings.Join(lines, "\n")
}

func (w *world) produce(name string) {
	w.t.Helper()
	if err := w.client.ProduceSync(w.t.Context(), &kgo.Record{Topic: name, Value: []byte("x")}).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func TestATopicBecomesWhatIsDeclared(t *testing.T) {
	w := newWorld(t)
	first := w.declared("orders", `{"partitions":2,"config":{"retention.ms":60000,"compression.type":"zstd"}}`)
	if got := w.drift(first); !strings.HasPrefix(got, "- : ") {
		t.Errorf("of none: %s", got)
	}
	if err := w.become(nil, first, resource.Allowed{}); err != nil {
		t.Fatal(err)
	}
	if got := w.drift(first); got != "" {
		t.Errorf("made: %s", got)
	}
	second := w.declared("orders", `{"partitions":3,"config":{"retention.ms":"120000","evident.ledger":"off"}}`)
	const differs = `+ /spec/config/compression.type: "zstd"
~ /spec/config/evident.ledger: "off" -> "on"
~ /spec/config/retention.ms: "120000" -> "60000"
~ /spec/partitions: 3 -> 2`
	if got := w.drift(second); got != differs {
		t.Errorf("got  %s\nwant %s", got, differs)
	}
	if err := w.become(first, second, resource.Allowed{}); err != nil {
		t.Fatal(err)
	}
	if got := w.drift(second); got != "" {
		t.Errorf("altered: %s", got)
	}
	for range 2 { // what is done already does no harm
		if err := w.become(nil, second, resource.Allowed{}); err != nil {
			t.Error(err)
		}
	}
}

func TestSomebodyElsesSettingsAreDrift(t *testing.T) {
	w := newWorld(t)
	r := w.declared("orders", `{"config":{"retention.ms":60000}}`)
	if err := w.become(nil, r, resource.Allowed{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("1")}, {Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr("1000")},
	}, "orders"); err != nil {
		t.Fatal(err)
	}
	if got, want := w.drift(r), "+ /spec/config/max.message.bytes: \"1000\"\n~ /spec/config/retention.ms: \"60000\" -> \"1\""; got != want {
		t.Errorf("got %s", got)
	}
}

func TestWhatCannotBeIsRefusedBeforeAnythingIsMade(t *testing.T) {
	w := newWorld(t)
	orders := w.declared("orders", `{"partitions":2}`)
	if err := w.become(nil, orders, resource.Allowed{}); err != nil {
		t.Fatal(err)
	}
	w.produce("orders")
	for _, test := range []struct {
		before, after *resource.Resource
		want          string
	}{
		{orders, w.declared("orders", `{"partitions":1}`), "the topic has 2 partitions, and 1 are declared: partitions are never taken away"},
		{orders, w.declared("orders", `{"config":{"retention.mss":1}}`), "retention.mss"},
		{nil, w.declared("new", `{"config":{"retention.ms":"soon"}}`), "soon"},
		{orders, nil, "the topic holds 1 records, which would be lost: --delete-data lets them go"},
	} {
		if err := w.become(test.before, test.after, resource.Allowed{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if got := w.drift(orders); got != "" {
		t.Errorf("changed: %s", got)
	}
	if err := w.become(orders, nil, resource.Allowed{DeleteData: true}); err != nil {
		t.Error(err)
	}
	if got := w.drift(orders); !strings.HasPrefix(got, "- : ") {
		t.Errorf("deleted: %s", got)
	}
}

// A writer that stands still before it deletes a topic deletes that one, if at all, and not
// one that another writer has made under its name since.
func TestATopicThatWasMadeAnewIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	orders := w.declared("orders", `{"partitions":1}`)
	if err := w.become(nil, orders, resource.Allowed{}); err != nil {
		t.Fatal(err)
	}
	gone := []resource.Change{{Action: resource.Delete, Key: orders.Key(), Before: orders}}
	allowed := resource.Allowed{DeleteData: true}
	r := w.kind.Reconciler
	if wrong := r.Examine(t.Context(), gone, allowed); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if got, err := w.admin.DeleteTopics(t.Context(), "orders"); err != nil || got.Error() != nil {
		t.Fatal(err, got.Error())
	}
	if err := w.become(nil, orders, resource.Allowed{}); err != nil {
		t.Fatal(err)
	}
	w.produce("orders")
	if wrong := r.Make(t.Context(), gone, allowed); len(wrong) > 0 {
		t.Error(wrong)
	}
	if got := w.drift(orders); got != "" {
		t.Errorf("the topic that was made anew: %s", got)
	}
	if wrong := r.Make(t.Context(), gone, allowed); len(wrong) > 0 { // what is there now
		t.Error(wrong)
	}
	if got := w.drift(orders); !strings.HasPrefix(got, "- : ") {
		t.Errorf("not deleted: %s", got)
	}
}

func TestNamesOfTopicsAreChecked(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"__consumer_offsets", "a b"} {
		if _, faults := w.kinds.Parse(json.RawMessage(fmt.Sprintf(`{"apiVersion":"evident/v1","kind":"Topic","metadata":{"name":%q},"spec":{}}`, name))); len(faults) == 0 {
			t.Errorf("%q is taken", name)
		}
	}
}

// Clusters that do not know Evident's settings take none of them, and the node's own
// broker takes all: the declaration is where a slip is found.
func TestEvidentsOwnSettingsAreChecked(t *testing.T) {
	w := newWorld(t)
	for spec, want := range map[string]string{
		`{"config":{"evident.ledgr":"off"}}`:                      `/spec/config/evident.ledgr: unknown setting "evident.ledgr": did you mean "evident.ledger"?`,
		`{"config":{"evident.index":"no"}}`:                       `/spec/config/evident.index: evident.index is "no", and must be on or off`,
		`{"config":{"evident.ledger":true}}`:                      `/spec/config/evident.ledger: `,
		`{"config":{"evident.ledger":"on","evident.index":"on"}}`: "",
	} {
		_, faults := w.kinds.Parse(json.RawMessage(fmt.Sprintf(`{"apiVersion":"evident/v1","kind":"Topic","metadata":{"name":"orders"},"spec":%s}`, spec)))
		got := ""
		if len(faults) > 0 {
			got = faults[0].Pointer + ": " + faults[0].Text
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %s", spec, got)
		}
	}
}

func BenchmarkMake(b *testing.B) {
	client := evidenttest.Start(b).Client()
	kind := topic.New(topic.Config{Client: client, ReplicationFactor: -1})
	for round := range b.N {
		var changes []resource.Change
		for i := range 1000 {
			r := &resource.Resource{Kind: topic.Name, Metadata: resource.Metadata{Name: fmt.Sprintf("t-%d-%d", round, i)}, Spec: json.RawMessage(`{"partitions":1}`)}
			changes = append(changes, resource.Change{Key: r.Key(), After: r})
		}
		for k, err := range kind.Reconciler.Make(context.Background(), changes, resource.Allowed{}) {
			b.Fatal(k, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/1000topics")
}
