package topicconfig

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log"
)

func TestTableIsSortedAndItsDefaultsAreTheLogs(t *testing.T) {
	if !slices.IsSortedFunc(definitions, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("definitions are not sorted by name")
	}
	s := log.Settings{}
	for _, d := range definitions {
		v, err := d.parse(d.Default)
		if err != nil {
			t.Errorf("default of %s: %v", d.Name, err)
		}
		if d.apply != nil {
			d.apply(&s, v)
		}
		if d.Doc == "" || d.NodeName == "" {
			t.Errorf("%s has no doc or no node name", d.Name)
		}
	}
	if s != log.DefaultSettings() {
		t.Errorf("defaults of the table:\n%+v\ndefaults of the log:\n%+v", s, log.DefaultSettings())
	}
}

func TestSettingsComeFromTheTopicThenTheNode(t *testing.T) {
	s, err := Settings(
		map[string]string{"retention.ms": "-1", "cleanup.policy": "compact, delete", "evident.order": "chain"},
		map[string]string{"retention.ms": "5", "segment.bytes": "1048576"})
	if err != nil {
		t.Fatal(err)
	}
	if s.RetentionAge >= 0 || s.SegmentBytes != 1<<20 || !s.Compact || !s.Delete {
		t.Errorf("got %+v", s)
	}
}

func TestATopicWithoutACleanupPolicyKeepsAllRecords(t *testing.T) {
	if s, err := Settings(map[string]string{"cleanup.policy": ""}, nil); err != nil || s.Compact || s.Delete {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestMillisecondsBeyondADurationAreTheLongest(t *testing.T) {
	s, err := Settings(map[string]string{"retention.ms": "9223372036854775807", "segment.ms": "1"}, nil)
	if err != nil || s.RetentionAge != math.MaxInt64 || s.SegmentAge != time.Millisecond {
		t.Errorf("got %v, %v, %v", s.RetentionAge, s.SegmentAge, err)
	}
}

func TestBadValuesAreRefusedWithValueAndRule(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"retention.ms", "soon", `retention.ms="soon" must be a whole number`},
		{"retention.ms", "-2", "must be at least -1"},
		{"segment.bytes", "4294967296", "must be a whole number between -2147483648 and 2147483647"},
		{"min.cleanable.dirty.ratio", "1.5", "must be between 0 and 1"},
		{"min.cleanable.dirty.ratio", "NaN", "must be a number"},
		{"cleanup.policy", "shred", "must be a list of compact, delete"},
		{"message.timestamp.type", "createtime", "must be one of CreateTime, LogAppendTime"},
		{"preallocate", "yes", "must be true or false"},
		{"remote.storage.enable", "true", "there is no tiered storage"},
		{"compression.gzip.level", "0", "must be between 1 and 9"},
		{"leader.replication.throttled.replicas", "1", "partition:broker"},
		{"retention_ms", "1", `no topic config named "retention_ms"; did you mean "retention.ms"?`},
		{"log.retention.ms", "1", `did you mean "retention.ms"?`},
		{"evident.", "1", "no topic config named"},
		{"evident.x", strings.Repeat("x", maxOpaqueBytes+1), "at most 65536"},
	} {
		err := Check(c.name, c.value)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%.20q: got %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

func TestLagsMustNotContradict(t *testing.T) {
	_, err := Settings(map[string]string{"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "9"}, nil)
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "(10)") {
		t.Errorf("got %v", err)
	}
}

func TestListsGrowAndShrink(t *testing.T) {
	got, err := AppendTo("cleanup.policy", "delete", "compact,delete")
	if err != nil || got != "delete,compact" {
		t.Errorf("append: %q, %v", got, err)
	}
	got, err = RemoveFrom("cleanup.policy", "delete,compact", "delete")
	if err != nil || got != "compact" {
		t.Errorf("remove: %q, %v", got, err)
	}
	if _, err = AppendTo("retention.ms", "1", "2"); !errors.Is(err, ErrInvalid) {
		t.Errorf("append to a number: %v", err)
	}
	if _, err = RemoveFrom("retention.ms", "1", "2"); !errors.Is(err, ErrInvalid) {
		t.Errorf("remove from a number: %v", err)
	}
}

func TestDescribeShowsWhereAValueComesFrom(t *testing.T) {
	entries := Describe(
		map[string]string{"retention.ms": "7", "evident.x": "1"},
		map[string]string{"retention.ms": "8", "segment.ms": "9"})
	find := func(name string) Entry {
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
		if i < 0 {
			t.Fatalf("%s is missing", name)
		}
		return entries[i]
	}
	if e := find("retention.ms"); e.Value != "7" || e.Source != kmsg.ConfigSourceDynamicTopicConfig || len(e.Synonyms) != 3 ||
		e.Synonyms[1] != (Synonym{"log.retention.ms", "8", kmsg.ConfigSourceStaticBrokerConfig}) ||
		e.Synonyms[2] != (Synonym{"log.retention.ms", "604800000", kmsg.ConfigSourceDefaultConfig}) {
		t.Errorf("retention.ms: %+v", e)
	}
	if e := find("segment.ms"); e.Value != "9" || e.Source != kmsg.ConfigSourceStaticBrokerConfig {
		t.Errorf("segment.ms: %+v", e)
	}
	if e := find("evident.x"); e.Value != "1" || e.Source != kmsg.ConfigSourceDynamicTopicConfig {
		t.Errorf("evident.x: %+v", e)
	}
}

// A client may send a list of megabytes; what it costs grows no faster than the list.
func TestLongListsAreAppendedAndSubtractedInTime(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "%d,", i)
	}
	long := b.String()
	all, err := AppendTo("cleanup.policy", long, long)
	if err != nil || all != strings.TrimSuffix(long, ",") {
		t.Errorf("appended: %d bytes, %v", len(all), err)
	}
	if none, err := RemoveFrom("cleanup.policy", long, long); err != nil || none != "" {
		t.Errorf("subtracted: %d bytes, %v", len(none), err)
	}
}
