package state

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"pgregory.net/rapid"
)

// A model is what a task's state has to be: entries by store and key.
type model map[string]modelEntry

type modelEntry struct {
	value string
	until int64 // Unix ms, or never
}

func modelKey(store, key string) string { return store + "/" + key }

// alive are the entries of a store that are there at a time, in the order of keys.
func (m model) alive(store, from, to string, now int64) []string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e := m[k]
		s, key, _ := strings.Cut(k, "/")
		if s == store && key >= from && (to == "" || key < to) && (e.until == never || e.until > now) {
			list = append(list, key+"="+e.value)
		}
	}
	return list
}

// machine drives a task and its model.
type machine struct {
	t         *rapid.T
	fs        *vfs.Mem
	db        *DB
	task      *Task
	tx        *Tx
	now       time.Time
	committed model
	step      model // what the step under way sees
	marks     []Mark
	saved     []model // at the marks
	next      int64
	// changelog is what a consumer of the changelog knows: key to value.
	changelog map[string][]byte
	memtables int64 // the limit
}

func (m *machine) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) open() {
	db, err := Open(Config{
		FS: m.fs, Dir: "/state", Reserve: 1, Memory: NewMemory(Limits{Hot: 4096, Memtables: m.memtables}),
		Stores: []StoreConfig{{Name: "a"}, {Name: "b"}, {Name: "ttl", TTL: time.Minute}},
	})
	m.check(err)
	m.db = db
	m.task, err = db.Task(7)
	m.check(err)
	next, err := m.task.Attach(Changelog{Topic: topic, End: m.next}, m.now)
	m.check(err)
	if next != m.next {
		m.t.Fatalf("attached at %d, want %d", next, m.next)
	}
	m.begin()
}

func (m *machine) begin() {
	m.tx = m.task.Begin(m.now)
	m.step, m.marks, m.saved = maps.Clone(m.committed), nil, nil
}

var (
	anyStore = rapid.SampledFrom([]string{"a", "b", "ttl"})
	anyKey   = rapid.StringMatching(`[a-d\x00\xff]{0,2}`)
)

func (m *machine) put(t *rapid.T) {
	store, key, value := anyStore.Draw(t, "store"), anyKey.Draw(t, "key"), fmt.Sprint(rapid.IntRange(0, 99).Draw(t, "value"))
	m.check(m.tx.Store(store).Put([]byte(key), []byte(value)))
	e := modelEntry{value: value}
	if store == "ttl" {
		e.until = m.now.Add(time.Minute).UnixMilli()
	}
	m.step[modelKey(store, key)] = e
}

func (m *machine) putUntil(t *rapid.T) {
	store, key := anyStore.Draw(t, "store"), anyKey.Draw(t, "key")
	until := m.now.Add(time.Duration(rapid.IntRange(-10, 300).Draw(t, "seconds")) * time.Second)
	m.check(m.tx.Store(store).PutUntil([]byte(key), []byte("until"), until))
	if until.After(m.now) {
		m.step[modelKey(store, key)] = modelEntry{"until", until.UnixMilli()}
	} else {
		delete(m.step, modelKey(store, key))
	}
}

func (m *machine) remove(t *rapid.T) {
	store, key := anyStore.Draw(t, "store"), anyKey.Draw(t, "key")
	m.check(m.tx.Store(store).Delete([]byte(key)))
	delete(m.step, modelKey(store, key))
}

func (m *machine) get(t *rapid.T) {
	store, key := anyStore.Draw(t, "store"), anyKey.Draw(t, "key")
	got, ok, err := m.tx.Store(store).Get([]byte(key))
	m.check(err)
	m.compare("the step gets", m.step, store, key, got, ok)
	got, ok, err = m.task.Get(store, []byte(key), m.now)
	m.check(err)
	m.compare("another gets", m.committed, store, key, got, ok)
}

func (m *machine) compare(who string, in model, store, key string, got []byte, ok bool) {
	e, there := in[modelKey(store, key)]
	there = there && (e.until == never || e.until > m.now.UnixMilli())
	if ok != there || ok && string(got) != e.value {
		m.t.Fatalf("%s %q of %s: %q, %t; want %q, %t", who, key, store, got, ok, e.value, there)
	}
}

func (m *machine) scan(t *rapid.T) {
	store, from, to := anyStore.Draw(t, "store"), anyKey.Draw(t, "from"), anyKey.Draw(t, "to")
	var end []byte
	if to != "" {
		end = []byte(to)
	}
	collect := func(seq func(func(Entry, error) bool)) (list []string) {
		for e, err := range seq {
			m.check(err)
			list = append(list, fmt.Sprintf("%s=%s", e.Key, e.Value))
		}
		return list
	}
	if got, want := collect(m.tx.Store(store).Range([]byte(from), end)), m.step.alive(store, from, to, m.now.UnixMilli()); !slices.Equal(got, want) {
		m.t.Fatalf("the step sees %q of %s, want %q", got, store, want)
	}
	if got, want := collect(m.task.Range(store, []byte(from), end, m.now)), m.committed.alive(store, from, to, m.now.UnixMilli()); !slices.Equal(got, want) {
		m.t.Fatalf("others see %q of %s, want %q", got, store, want)
	}
}

func (m *machine) mark(*rapid.T) {
	m.marks, m.saved = append(m.marks, m.tx.Mark()), append(m.saved, maps.Clone(m.step))
}

func (m *machine) undo(t *rapid.T) {
	if len(m.marks) == 0 {
		t.Skip("no savepoint")
	}
	i := rapid.IntRange(0, len(m.marks)-1).Draw(t, "mark")
	m.tx.Undo(m.marks[i])
	m.step = maps.Clone(m.saved[i])
	m.marks, m.saved = m.marks[:i+1], m.saved[:i+1]
}

func (m *machine) discard(*rapid.T) {
	m.tx.Discard()
	m.begin()
}

func (m *machine) commit(*rapid.T) {
	seen := make(map[string]bool)
	for _, c := range m.tx.Changes() {
		if seen[string(c.Key)] {
			m.t.Fatalf("key %q is among the changes twice", c.Key)
		}
		seen[string(c.Key)] = true
		if c.Value == nil {
			delete(m.changelog, string(c.Key))
		} else {
			m.changelog[string(c.Key)] = bytes.Clone(c.Value)
		}
		m.next++
	}
	m.check(m.tx.Commit(m.next))
	m.committed = m.step
	m.begin()
	m.compareChangelog()
}

// compareChangelog looks whether somebody who read the changelog only knows the same.
func (m *machine) compareChangelog() {
	now := m.now.UnixMilli()
	got := make(model)
	for k, v := range m.changelog {
		store, key, err := ParseKey([]byte(k))
		m.check(err)
		value, until, err := parseValue(v)
		m.check(err)
		got[modelKey(store, string(key))] = modelEntry{string(value), until}
	}
	for _, store := range []string{"a", "b", "ttl"} {
		if a, b := got.alive(store, "", "", now), m.committed.alive(store, "", "", now); !slices.Equal(a, b) {
			m.t.Fatalf("the changelog has %q of %s, want %q", a, store, b)
		}
	}
}

func (m *machine) expire(t *rapid.T) {
	_, err := m.tx.Expire(rapid.IntRange(1, 5).Draw(t, "limit"))
	m.check(err)
}

func (m *machine) wait(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second)
	m.tx.SetNow(m.now)
}

// reopen closes in good order, so that what was committed is on disk.
func (m *machine) reopen(*rapid.T) {
	m.check(m.db.Close())
	m.db.memory.Close()
	m.open()
}

// restore makes the state again from the changelog, as another node does: from nothing,
// or from what is there.
func (m *machine) restore(t *rapid.T) {
	m.tx.Discard()
	if rapid.Bool().Draw(t, "from nothing") {
		m.check(m.task.Drop())
		_, err := m.task.Attach(Changelog{Topic: topic, End: m.next}, m.now)
		m.check(err)
	}
	if rapid.Bool().Draw(t, "applied") {
		m.check(m.task.Apply(m.history(t), m.next, m.now, m.now))
	} else {
		m.restoreRuns(t, m.history(t))
	}
	m.begin()
}

// history is a changelog that leaves what is known: with what came before, and with what
// was deleted, as far as it was not compacted.
func (m *machine) history(t *rapid.T) (changes []Change) {
	for _, store := range []string{"a", "b", "ttl"} {
		for _, key := range rapid.SliceOfN(anyKey, 0, 4).Draw(t, "earlier") {
			k := appendKey(nil, store, []byte(key))
			changes = append(changes, Change{k, appendValue(nil, []byte("earlier"), never)})
			if _, ok := m.changelog[string(k)]; !ok {
				changes = append(changes, Change{Key: k})
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.changelog)) {
		changes = append(changes, Change{[]byte(k), m.changelog[k]})
	}
	return changes
}

func (m *machine) restoreRuns(t *rapid.T, changes []Change) {
	r := m.task.Restore()
	for len(changes) > 0 {
		n := rapid.IntRange(1, len(changes)).Draw(t, "at once")
		m.check(r.Add(changes[:n], m.next-1, m.now))
		changes = changes[n:]
		switch rapid.IntRange(0, 3).Draw(t, "put aside") {
		case 0, 1:
			m.check(r.putAside())
		case 2:
			m.check(r.install(time.Time{}))
		}
	}
	m.check(r.Add(nil, m.next, m.now))
	m.check(r.Finish(m.now))
}

// drain deletes all that has expired, and looks whether nothing of it is left.
func (m *machine) drain(t *rapid.T) {
	m.commit(t)
	for {
		n, err := m.tx.Expire(3)
		m.check(err)
		if n == 0 {
			break
		}
		m.commit(t)
	}
	grain := expiryGrain((300 * time.Second).Milliseconds()) // of what lives longest
	for k, v := range m.changelog {
		if _, until, err := parseValue(v); err != nil || until != never && until+grain <= m.now.UnixMilli() {
			t.Fatalf("%q expired at %d and is still in the changelog at %d", k, until, m.now.UnixMilli())
		}
	}
}

func TestStateIsWhatAMapWouldBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{t: t, fs: vfs.NewMem(), now: start, committed: make(model), changelog: make(map[string][]byte)}
		m.memtables = rapid.SampledFrom([]int64{0, 3000}).Draw(t, "memtables")
		m.open()
		defer func() {
			m.db.Close()
			m.db.memory.Close()
		}()
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put, "put again": m.put, "put until": m.putUntil, "delete": m.remove, "get": m.get, "range": m.scan,
			"mark": m.mark, "undo": m.undo, "discard": m.discard, "commit": m.commit, "commit again": m.commit,
			"expire": m.expire, "wait": m.wait, "reopen": m.reopen, "restore": m.restore, "drain": m.drain,
		})
	})
}
