package metadata

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/quota"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/vfs"
)

// change is one step of the workload: what it does to the store, and to a model of
// it (topic: partitions and retention.ms; user: iterations).
type change struct {
	do    func(*Store) error
	model func(map[string]string)
}

var workload = []change{
	{createOne("a", 2), func(m map[string]string) { m["a"] = "2 " }},
	{createOne("b", 1), func(m map[string]string) { m["b"] = "1 " }},
	{func(s *Store) error {
		return s.Configure("a", false, func(c map[string]string) (map[string]string, error) {
			c["retention.ms"] = "5"
			return c, nil
		})
	}, func(m map[string]string) { m["a"] = "2 5" }},
	{func(s *Store) error { return s.AddPartitions("b", 3, false) }, func(m map[string]string) { m["b"] = "3 " }},
	{func(s *Store) error { return s.Delete([]*Topic{s.Snapshot().Topic("a")})[0] }, func(m map[string]string) { delete(m, "a") }},
	{createOne("a", 1), func(m map[string]string) { m["a"] = "1 " }},
	{setUsers(1, "alice", "bob"), func(m map[string]string) { m["user alice"], m["user bob"] = "1", "1" }},
	{setUsers(2, "alice"), func(m map[string]string) { m["user alice"] = "2" }},
	{setUsers(0, "bob"), func(m map[string]string) { delete(m, "user bob") }},
	{limitAll(5), func(m map[string]string) { m["limit"] = "5" }},
	{limitAll(6), func(m map[string]string) { m["limit"] = "6" }},
	{limitAll(0), func(m map[string]string) { delete(m, "limit") }},
}

// limitAll limits the default user; 0 takes that back.
func limitAll(bytes float64) func(*Store) error {
	return func(s *Store) error {
		return s.AlterQuotas(func(*quota.Table) map[quota.Entity]map[string]float64 {
			changes := make(map[quota.Entity]map[string]float64)
			e := quota.Entity{User: quota.Name{Kind: quota.Default}}
			if changes[e] = nil; bytes > 0 {
				changes[e] = map[string]float64{"producer_byte_rate": bytes}
			}
			return changes
		})
	}
}

// setUsers gives users a credential of so many iterations; 0 deletes them.
func setUsers(iterations int, names ...string) func(*Store) error {
	return func(s *Store) error {
		return s.AlterUsers(func(*auth.Users) map[string]auth.Credentials {
			changes := make(map[string]auth.Credentials)
			for _, name := range names {
				if changes[name] = nil; iterations > 0 {
					changes[name] = auth.Credentials{auth.ScramSHA256: auth.FromSaltedPassword(auth.ScramSHA256, []byte("x"), []byte("x"), iterations)}
				}
			}
			return changes
		})
	}
}

func createOne(name string, partitions int) func(*Store) error {
	return func(s *Store) error { return s.Create([]Spec{{Name: name, Partitions: partitions}}, false)[0].Err }
}

func modelOf(s *Store) map[string]string {
	m := make(map[string]string)
	for name, credentials := range s.Users().All() {
		m["user "+name] = fmt.Sprint(credentials[auth.ScramSHA256].Iterations)
	}
	for _, limits := range s.Quotas().All() {
		m["limit"] = fmt.Sprint(limits["producer_byte_rate"])
	}
	for t := range s.Snapshot().All() {
		m[t.Name] = fmt.Sprint(len(t.Partitions), " ", t.Configs["retention.ms"])
	}
	return m
}

var errCut = errors.New("power cut")

// Whenever the power is cut, what was answered is there afterwards; the change
// under way is there in full or not at all.
func TestPowerCutAtEveryWrite(t *testing.T) {
	for n := 1; ; n++ {
		mem := vfs.NewMem()
		disk := vfs.NewFaulty(mem, func(op vfs.Op) error {
			if op.Kind.Mutates() && op.N >= n {
				return errCut
			}
			return nil
		})
		before, during, ids := runUntilCut(disk)
		for name, keep := range map[string]vfs.Keep{"none": vfs.KeepNone, "all": vfs.KeepAll, "some": vfs.KeepRandom(uint64(n))} {
			s, done := reopen(t, mem.Crash(keep))
			got := modelOf(s)
			if !maps.Equal(got, before) && !maps.Equal(got, during) {
				t.Errorf("power cut at write %d, keeping %s: got %v, want %v or %v", n, name, got, before, during)
			}
			for topic, id := range ids {
				if now := s.Snapshot().Topic(topic); now != nil && maps.Equal(got, before) && now.ID != id {
					t.Errorf("power cut at write %d, keeping %s: the id of %s changed", n, name, topic)
				}
			}
			done()
		}
		if maps.Equal(before, during) { // no write was left to be cut
			return
		}
	}
}

// runUntilCut runs the workload until a change fails. It returns the model
// before that change and with it; equal if none failed.
func runUntilCut(fs vfs.FS) (before, during map[string]string, ids map[string]ID) {
	before, during = map[string]string{}, map[string]string{"": "nothing was opened"}
	l, err := log.Open(log.Config{FS: fs, Dir: "/data"})
	if err != nil {
		return before, during, nil
	}
	defer l.Close()
	s, err := Open(Config{Log: l, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return before, during, nil
	}
	for _, c := range workload {
		during = maps.Clone(before)
		c.model(during)
		ids = make(map[string]ID)
		for t := range s.Snapshot().All() {
			ids[t.Name] = t.ID
		}
		if c.do(s) != nil {
			return before, during, ids
		}
		before = during
	}
	return before, during, ids
}

// reopen opens what a power cut left, and checks that it can be used.
func reopen(t *testing.T, fs vfs.FS) (*Store, func()) {
	t.Helper()
	l, err := log.Open(log.Config{FS: fs, Dir: "/data"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Log: l, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err == nil {
		err = l.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	for top := range s.Snapshot().All() {
		if slices.Contains(top.Partitions, nil) {
			t.Errorf("a partition of %s is not open", top.Name)
		}
	}
	if s.ClusterID() == "" || len(s.AuthenticationSecret()) != secretBytes {
		t.Error("no cluster id, or no secret")
	}
	return s, func() { l.Close() }
}
