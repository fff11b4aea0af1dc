package group

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// Of two writes that fail, what the second says counts, whichever failure is
// noticed first.
func TestTheLastOfWhatIsOwedCounts(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		e := h.obtain("g")
		write := func(value string) {
			h.step(e, func(time.Time) {
				h.keep(e, []record{{[]byte{0, 99, 'k'}, []byte(value)}, {[]byte{0, 99, value[0]}, []byte(value)}}, func(*kerr.Error) {})
			})
		}
		h.commit("g", "orders", 0, 1) // so that the entry stays
		store.Change(func(f *statetopictest.Faults) { f.Delay, f.Append = time.Second, errDisk })
		write("first")
		write("second")
		pass(2 * time.Second)
		got := map[string]string{}
		for _, r := range e.owed {
			got[string(r.key[2:])] = string(r.value)
		}
		if len(got) != 3 || got["k"] != "second" || got["f"] != "first" || got["s"] != "second" {
			t.Errorf("owed: %q", got)
		}
		store.Change(func(f *statetopictest.Faults) { f.Delay, f.Append = 0, nil })
		write("k")
		pass(0)
		if len(e.owed) != 0 {
			t.Errorf("still owed: %q", e.owed)
		}
	})
}

// A migration that a crash cut short leaves the group that is whole.
func TestHalfAMigration(t *testing.T) {
	inBubble(t, statetopictest.New(4), func(h *harness) {
		v := kmsg.NewGroupMetadataValue()
		v.ProtocolType = "consumer"
		part, whole := &consumer.Image{}, &consumer.Image{}
		targetEpoch := record{[]byte{0, 6, 0, 1, 'g'}, []byte{0, 0, 0, 0, 0, 1, 0}}
		group := record{[]byte{0, 3, 0, 1, 'g'}, []byte{0, 0, 0, 0, 0, 1, 0}}
		for im, records := range map[*consumer.Image][]record{part: {targetEpoch}, whole: {targetEpoch, group}} {
			for _, r := range records {
				if err := im.Apply(r.key, r.value); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, c := range []struct {
			v    *kmsg.GroupMetadataValue
			im   *consumer.Image
			want string
		}{
			{&v, nil, classicType}, {&v, part, classicType}, {&v, whole, consumerType},
			{nil, part, consumerType}, {nil, whole, consumerType}, {nil, nil, classicType},
		} {
			e := h.newEntry("g")
			h.Coordinator.restore(e, c.v, c.im)
			if got := e.listed().GroupType; got != c.want {
				t.Errorf("case %d: %s, want %s", i, got, c.want)
			}
		}
	})
}
