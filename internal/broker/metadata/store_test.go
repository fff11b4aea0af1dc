package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/log"
)

// open opens a log in dir and a store on it.
func open(t *testing.T, dir string) (*Store, *log.Log) {
	t.Helper()
	l, err := log.Open(log.Config{FS: testFS(t), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s, err := Open(Config{Log: l, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, l
}

func create(t *testing.T, s *Store, specs ...Spec) {
	t.Helper()
	for _, c := range s.Create(specs, false) {
		if c.Err != nil {
			t.Fatal(c.Err)
		}
	}
}

// describe is what a snapshot says, comparable.
func describe(s *Snapshot) []string {
	var lines []string
	for t := range s.All() {
		lines = append(lines, fmt.Sprint(t.Name, t.ID, len(t.Partitions), t.Configs))
	}
	slices.Sort(lines)
	return lines
}

func TestDamagedMetadataStopsTheStartAndCostsNoTopic(t *testing.T) {
	dir := t.TempDir()
	s, l := open(t, dir)
	create(t, s, Spec{"precious", 1, nil})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "topics", PartitionTopic+"-0", "00000000000000000000.log")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("precious"))
	b[at] = 'q'
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err = log.Open(log.Config{FS: testFS(t), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Open(Config{Log: l, Logger: slog.New(slog.DiscardHandler), Now: time.Now}); !errors.Is(err, log.ErrCorruption) {
		t.Errorf("got %v", err)
	}
}

func TestMetadataOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	s, l := open(t, dir)
	create(t, s, Spec{"a", 3, map[string]string{"retention.ms": "5"}}, Spec{"b", 1, nil}, Spec{"gone", 2, nil})
	if err := s.AddPartitions("b", 4, false); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Delete([]*Topic{s.Snapshot().Topic("gone")})...); err != nil {
		t.Fatal(err)
	}
	first, err := s.ProducerID()
	if err != nil {
		t.Fatal(err)
	}
	if err := setUsers(4096, "alice/a", "\u00fc")(s); err != nil {
		t.Fatal(err)
	}
	want, cluster, secret, users := describe(s.Snapshot()), s.ClusterID(), s.AuthenticationSecret(), s.Users()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	s, _ = open(t, dir)
	if got := describe(s.Snapshot()); !slices.Equal(got, want) || len(got) != 2 {
		t.Errorf("after reopening:\n%v\nbefore:\n%v", got, want)
	}
	if s.ClusterID() != cluster || cluster == "" {
		t.Errorf("cluster id %q, before %q", s.ClusterID(), cluster)
	}
	if !bytes.Equal(s.AuthenticationSecret(), secret) || !reflect.DeepEqual(s.Users(), users) {
		t.Errorf("the secret or the users are others: %+v", s.Users())
	}
	if got := s.Snapshot().Topic("a").Partition(2).Settings().RetentionAge; got != 5*time.Millisecond {
		t.Errorf("retention of a is %v", got)
	}
	if id, err := s.ProducerID(); err != nil || id <= first {
		t.Errorf("producer id %d after %d, %v", id, first, err)
	}
	create(t, s, Spec{"gone", 1, nil}) // its name is free
}

func TestCreateRefuses(t *testing.T) {
	s, _ := open(t, t.TempDir())
	create(t, s, Spec{"a.b", 1, nil})
	for _, c := range []struct {
		spec Spec
		want error
		text string
	}{
		{Spec{"a.b", 1, nil}, ErrExists, `"a.b"`},
		{Spec{"a_b", 1, nil}, ErrInvalidName, `collides with "a.b"`},
		{Spec{"", 1, nil}, ErrInvalidName, "empty"},
		{Spec{"..", 1, nil}, ErrInvalidName, `".."`},
		{Spec{"ä", 1, nil}, ErrInvalidName, "only letters"},
		{Spec{strings.Repeat("x", 250), 1, nil}, ErrInvalidName, "250 characters"},
		{Spec{PartitionTopic, 1, nil}, ErrInvalidName, "belongs to the broker"},
		{Spec{"c", 0, nil}, ErrInvalidPartitions, "1 to 10000"},
		{Spec{"c", 10_001, nil}, ErrInvalidPartitions, "10001"},
		{Spec{"c", 1, map[string]string{"retention.ms": "x"}}, topicconfig.ErrInvalid, `"x"`},
	} {
		for _, validateOnly := range []bool{true, false} {
			got := s.Create([]Spec{c.spec}, validateOnly)[0]
			if !errors.Is(got.Err, c.want) || !strings.Contains(got.Err.Error(), c.text) {
				t.Errorf("%.30v: got %v, want %v with %q", c.spec, got.Err, c.want, c.text)
			}
		}
	}
	if got := s.Snapshot().Len(); got != 1 {
		t.Errorf("%d topics, want 1", got)
	}
}

func TestValidateOnlyLeavesNoTrace(t *testing.T) {
	s, l := open(t, t.TempDir())
	if got := s.Create([]Spec{{"a", 1, nil}}, true)[0]; got.Err != nil {
		t.Fatal(got.Err)
	}
	if s.Snapshot().Topic("a") != nil || l.Partition("a", 0) != nil {
		t.Error("the topic exists")
	}
	create(t, s, Spec{"a", 1, nil})
	nothing := func(m map[string]string) (map[string]string, error) { m["retention.ms"] = "1"; return m, nil }
	if err := errors.Join(s.AddPartitions("a", 2, true), s.Configure("a", true, nothing)); err != nil {
		t.Fatal(err)
	}
	if top := s.Snapshot().Topic("a"); len(top.Partitions) != 1 || len(top.Configs) != 0 {
		t.Errorf("topic is now %+v", top)
	}
}

func TestConfigureAppliesAtOnceAndReadersKeepTheirSnapshot(t *testing.T) {
	s, l := open(t, t.TempDir())
	create(t, s, Spec{"a", 2, map[string]string{"segment.ms": "7"}})
	before := s.Snapshot()
	err := s.Configure("a", false, func(m map[string]string) (map[string]string, error) {
		m["retention.ms"] = "9"
		return m, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Partition("a", 1).Settings(); got.RetentionAge != 9*time.Millisecond || got.SegmentAge != 7*time.Millisecond {
		t.Errorf("settings are %+v", got)
	}
	if got := before.Topic("a").Configs; len(got) != 1 {
		t.Errorf("the old snapshot shows %v", got)
	}
	if got := s.Snapshot().Topic("a").Configs; !maps.Equal(got, map[string]string{"segment.ms": "7", "retention.ms": "9"}) {
		t.Errorf("the new snapshot shows %v", got)
	}
	refused := errors.New("refused")
	if err := s.Configure("a", false, func(map[string]string) (map[string]string, error) { return nil, refused }); err != refused {
		t.Errorf("got %v", err)
	}
	if err := s.Configure("b", false, nil); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("got %v", err)
	}
}

func TestAddPartitionsOnlyAdds(t *testing.T) {
	s, _ := open(t, t.TempDir())
	create(t, s, Spec{"a", 2, nil})
	for count, want := range map[int]error{1: ErrInvalidPartitions, 2: ErrInvalidPartitions, 10_001: ErrInvalidPartitions, 3: nil} {
		if err := s.AddPartitions("a", count, true); !errors.Is(err, want) {
			t.Errorf("%d: %v", count, err)
		}
	}
	if err := s.AddPartitions("b", 3, false); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("got %v", err)
	}
}

func TestDeleteKnowsTheTopicByIDNotByName(t *testing.T) {
	s, _ := open(t, t.TempDir())
	create(t, s, Spec{"a", 1, nil})
	old := s.Snapshot().Topic("a")
	if errs := s.Delete([]*Topic{old, old}); errs[0] != nil || !errors.Is(errs[1], ErrUnknownTopic) {
		t.Fatalf("got %v", errs)
	}
	create(t, s, Spec{"a", 1, nil})
	if errs := s.Delete([]*Topic{old}); !errors.Is(errs[0], ErrUnknownTopic) {
		t.Errorf("got %v", errs)
	}
	if s.Snapshot().Topic("a") == nil || s.Snapshot().TopicByID(old.ID) != nil {
		t.Error("the new topic is gone, or the old one is found")
	}
}

func TestConcurrentChangesOfOneNameAreOneAfterAnother(t *testing.T) {
	s, _ := open(t, t.TempDir())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				s.Create([]Spec{{"x.y", 1, nil}, {"x_y", 1, nil}}[:1], false)
				if top := s.Snapshot().Topic("x.y"); top != nil {
					s.Delete([]*Topic{top})
				}
			}
		})
	}
	wg.Wait()
	create(t, s, Spec{"x_y", 1, nil})
	if got := s.Snapshot().Len(); got != 1 {
		t.Errorf("%d topics", got)
	}
}

func TestProducerIDsAreNeverGivenTwice(t *testing.T) {
	s, _ := open(t, t.TempDir())
	var mu sync.Mutex
	seen := make(map[int64]bool)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range producerIDBlock {
				id, err := s.ProducerID()
				mu.Lock()
				if err != nil || seen[id] {
					t.Errorf("id %d again, or %v", id, err)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// One request for many topics must not cost the square of their number.
func TestManyTopicsAtOnce(t *testing.T) {
	s, _ := open(t, t.TempDir())
	specs := make([]Spec, 2000)
	for i := range specs {
		specs[i] = Spec{fmt.Sprintf("topic-%d", i), 1, nil}
	}
	create(t, s, specs...)
	if got := s.Snapshot().Len(); got != len(specs) {
		t.Errorf("%d topics", got)
	}
	topics := slices.Collect(s.Snapshot().All())
	if err := errors.Join(s.Delete(topics)...); err != nil || s.Snapshot().Len() != 0 {
		t.Errorf("%d topics left, %v", s.Snapshot().Len(), err)
	}
}

func TestRecordsOfANewerVersionStopTheStart(t *testing.T) {
	m := newImage()
	for _, c := range []struct{ key, value, want string }{
		{"a", `{"v":2}`, "format version 2, this program knows 1"},
		{"/quotas", `{"v":1}`, "unknown key"},
		{"/user/alice", `{"v":2}`, "format version 2, this program knows 1"},
		{"/user/alice", `{"v":1}`, "without credentials"},
		{"/user/alice", `{"v":1,"scram":{"SCRAM-SHA3-512":{}}}`, "unknown mechanism"},
		{"/user/alice", `{"v":1,"scram":{"SCRAM-SHA-256":{"iterations":4096,"salt":"eA=="}}}`, "incomplete"},
		{`/quota/{"user":null}`, `{"v":1,"limits":{"bytes":1}}`, "no limit named"},
		{`/quota/{"user":null}`, `{"v":1,"limits":{"producer_byte_rate":0}}`, "above 0"},
		{`/quota/{"user":null}`, `{"v":1}`, "no limits"},
		{`/quota/{"ip":null}`, `{"v":1,"limits":{"producer_byte_rate":1}}`, "not enforced"},
		{"a", `{"v":1,"id":"x","partitions":1}`, "16 bytes of base64url"},
		{"a", `{"v":1,"id":"AAAAAAAAAAAAAAAAAAAAAQ","partitions":0}`, "0 partitions"},
		{"a", `{`, "unexpected end"},
	} {
		if err := m.apply(c.key, []byte(c.value)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.value, err, c.want)
		}
	}
}
