package dedup_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/dedup"
)

// However long an event is, it has its id, and is dropped when it comes again.
func TestALongEventHasItsID(t *testing.T) {
	key, err := dedup.ParseKey(dedup.DefaultKey)
	if err != nil {
		t.Fatal(err)
	}
	var ids [2]any
	for i, length := range []int{10, 5 << 20} {
		r := &kgo.Record{
			Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/cloudevents+json")}},
			Value:   fmt.Appendf(nil, `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"%s"}`, strings.Repeat("x", length)),
		}
		id, ok := key.ID(r, new([]byte))
		if !ok {
			t.Errorf("an event with %d bytes of data has no id", length)
		}
		ids[i] = id
	}
	if ids[0] != ids[1] {
		t.Errorf("the ids are %x and %x", ids[0], ids[1])
	}
}
