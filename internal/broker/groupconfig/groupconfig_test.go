package groupconfig

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

func TestTableIsSortedAndItsDefaultsAreAllowed(t *testing.T) {
	if !slices.IsSortedFunc(definitions, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("definitions are not sorted by name")
	}
	want := Settings{
		ConsumerSession: 45 * time.Second, ConsumerHeartbeat: 5 * time.Second,
		ShareSession: 45 * time.Second, ShareHeartbeat: 5 * time.Second,
		RecordLock: 30 * time.Second, DeliveryLimit: 5, RecordLocks: 2000, Renew: true,
	}
	if got, err := Of(nil, nil); err != nil || got != want {
		t.Errorf("defaults: %+v, %v, want %+v", got, err, want)
	}
	for _, d := range definitions {
		if d.Doc == "" {
			t.Errorf("%s has no doc", d.Name)
		}
	}
}

func TestSettingsComeFromTheGroupThenTheNode(t *testing.T) {
	s, err := Of(
		map[string]string{"share.delivery.count.limit": "3", "share.isolation.level": "read_committed"},
		map[string]string{"share.delivery.count.limit": "4", "share.record.lock.duration.ms": "15000"})
	if err != nil || s.DeliveryLimit != 3 || s.RecordLock != 15*time.Second || !s.ReadCommitted {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestBadValuesAreRefusedWithValueAndRule(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"share.record.lock.duration.ms", "14999", `"14999" must be a whole number between 15000 and 60000`},
		{"share.delivery.count.limit", "11", "between 2 and 10"},
		{"share.delivery.count.limit", "five", "whole number"},
		{"share.renew.acknowledge.enable", "yes", "must be true or false"},
		{"share.isolation.level", "serializable", "must be read_uncommitted or read_committed"},
		{"share.auto.offset.reset", "none", "must be latest, earliest or by_duration"},
		{"share.auto.offset.reset", "by_duration:1h", "ISO 8601"},
		{"share.auto.offset.reset", "by_duration:-PT1S", "ISO 8601"},
		{"errors.deadletterqueue.topic.name", "__dlq", "must not begin with __"},
		{"errors.deadletterqueue.topic.name", "a b", "must be a topic name"},
		{"share.lock", "1", `no group config named "share.lock"`},
	} {
		err := Check(map[string]string{c.name: c.value}, nil)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%q: got %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

func TestDurationsAreReadAsJavaDoes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT0S": 0, "PT1H": time.Hour, "P1D": 24 * time.Hour, "P1DT2H30M1.5S": 26*time.Hour + 30*time.Minute + 1500*time.Millisecond,
		"pt10m": 10 * time.Minute,
	} {
		s, err := Of(map[string]string{"share.auto.offset.reset": "by_duration:" + text}, nil)
		if err != nil || s.Start != (Reset{ByDuration, want}) {
			t.Errorf("%s: got %+v, %v, want %v", text, s.Start, err, want)
		}
	}
	for _, text := range []string{"", "P", "PT", "P1DT", "P1Y", "PT1", "P999999D", "PT" + strings.Repeat("9", 400) + "S"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("%q was read as %v", text, d)
		}
	}
}

func TestDescribeShowsWhereAValueComesFrom(t *testing.T) {
	entries := Describe(map[string]string{"share.delivery.count.limit": "3"}, map[string]string{"share.delivery.count.limit": "4"})
	i := slices.IndexFunc(entries, func(e topicconfig.Entry) bool { return e.Name == "share.delivery.count.limit" })
	e := entries[i]
	if e.Value != "3" || e.Source != kmsg.ConfigSourceGroupConfig || len(e.Synonyms) != 3 ||
		e.Synonyms[1].Name != "group.share.delivery.count.limit" || e.Synonyms[2].Value != "5" {
		t.Errorf("got %+v", e)
	}
}
