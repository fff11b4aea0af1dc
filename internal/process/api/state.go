package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/state"
)

// Headers of answers about state.
const (
	// partitionHeader is the task that the key belongs to.
	partitionHeader = "Evident-Partition"
	// positionHeader is the offset of the changelog up to which the state is.
	positionHeader = "Evident-Position"
	// lagHeader is how many offsets of the changelog a copy was behind when it was last
	// looked; 0 of the task's owner.
	lagHeader = "Evident-Lag"
)

// errMoving means that it is worth asking again.
var errMoving = errors.New("ask again, or with stale=ok if a copy that may be behind will do")

// A lookup is what a request wants to read.
type lookup struct {
	run     Running
	version int
	store   string
	task    int32
	stale   bool // a copy will do
}

// value answers with the value of a key.
func (a *API) value(w http.ResponseWriter, r *http.Request) {
	key := []byte(r.PathValue("key"))
	l, ok := a.lookup(w, r, key)
	if !ok {
		return
	}
	a.read(w, r, l, func(t *state.Task) {
		value, found, err := t.Get(l.store, key, time.Now())
		switch {
		case err != nil:
			problem.Write(w, http.StatusServiceUnavailable, err)
		case !found:
			problem.Write(w, http.StatusNotFound, fmt.Errorf("store %q has no key %q in task %d", l.store, key, l.task))
		default:
			w.Header().Set("Content-Type", contentType(value))
			w.Header().Set("Cache-Control", "no-store")
			_, _ = w.Write(value) // a client that is gone needs no answer
		}
	})
}

// contentType is what a value seems to be.
func contentType(value []byte) string {
	switch {
	case json.Valid(value):
		return "application/json"
	case utf8.Valid(value):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// An Entry is a key with its value, as text, or in base64 if it is none.
type Entry struct {
	Key         string `json:"key,omitempty"`
	KeyBase64   []byte `json:"keyBase64,omitempty"`
	Value       string `json:"value,omitempty"`
	ValueBase64 []byte `json:"valueBase64,omitempty"`
}

// Scan is the answer to a range read.
type Scan struct {
	Entries []Entry `json:"entries"`
	// More: there is more than was asked for, from Next on; NextBase64 if that is no text.
	More       bool   `json:"more"`
	Next       string `json:"next,omitempty"`
	NextBase64 []byte `json:"nextBase64,omitempty"`
}

// mostEntries and mostScan are how many entries, and about how many bytes, an answer has.
const (
	mostEntries = 10_000
	mostScan    = 16 << 20
)

// scan answers with the keys of a task from one to another.
func (a *API) scan(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := 100
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostEntries {
			problem.Write(w, http.StatusBadRequest, fmt.Errorf("limit=%s: want 1 to %d", text, mostEntries))
			return
		}
		limit = n
	}
	l, ok := a.lookup(w, r, nil)
	if !ok {
		return
	}
	a.read(w, r, l, func(t *state.Task) {
		found, err := collect(t, l.store, bound(q.Get("from")), bound(q.Get("to")), limit)
		if err != nil {
			problem.Write(w, http.StatusServiceUnavailable, err)
			return
		}
		problem.JSON(w, found)
	})
}

func bound(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

func collect(t *state.Task, store string, from, to []byte, limit int) (Scan, error) {
	found := Scan{Entries: []Entry{}}
	size := 0
	for e, err := range t.Range(store, from, to, time.Now()) {
		if err != nil {
			return found, err
		}
		if len(found.Entries) == limit || size > mostScan {
			next := entryOf(state.Entry{Key: e.Key})
			found.More, found.Next, found.NextBase64 = true, next.Key, next.KeyBase64
			break
		}
		size += len(e.Key) + len(e.Value)
		found.Entries = append(found.Entries, entryOf(e))
	}
	return found, nil
}

func entryOf(e state.Entry) (out Entry) {
	if utf8.Valid(e.Key) {
		out.Key = string(e.Key)
	} else {
		out.KeyBase64 = append([]byte{}, e.Key...)
	}
	if utf8.Valid(e.Value) {
		out.Value = string(e.Value)
	} else {
		out.ValueBase64 = append([]byte{}, e.Value...)
	}
	return out
}

// lookup finds out what is to be read, or answers what is wrong.
func (a *API) lookup(w http.ResponseWriter, r *http.Request, key []byte) (*lookup, bool) {
	name, q := r.PathValue("name"), r.URL.Query()
	if !a.known(w, name) {
		return nil, false
	}
	l, err := newLookup(q)
	if err != nil {
		problem.Write(w, http.StatusBadRequest, err)
		return nil, false
	}
	spec := a.Control.Spec(name)
	l.version = cmp.Or(l.version, spec.Active)
	if _, err := running(&spec, l.version); err != nil {
		problem.Write(w, http.StatusNotFound, fmt.Errorf("processor %q: %w", name, err))
		return nil, false
	}
	code, _ := a.Control.Code(name, l.version)
	if l.store, err = storeOf(code, q.Get("store")); err != nil {
		problem.Write(w, http.StatusNotFound, err)
		return nil, false
	}
	if l.task, err = a.taskOf(r.Context(), code, key, q.Get("partition")); err != nil {
		problem.Write(w, http.StatusBadRequest, err)
		return nil, false
	}
	run, runs := a.Find(name, l.version)
	if !runs || run.Group() == nil {
		problem.Write(w, http.StatusServiceUnavailable, fmt.Errorf("version %d of %q does not run on this node, or is just starting: is it paused? GET %s/%s says", l.version, name, Prefix, name))
		return nil, false
	}
	l.run = run
	return l, true
}

// parameters are those of reads, of keys and of ranges.
var parameters = []string{"from", "limit", "partition", "stale", "store", "to", "version"}

// newLookup reads what does not depend on the processor: version is 0 if none is given.
func newLookup(q url.Values) (*lookup, error) {
	for name := range q {
		if !slices.Contains(parameters, name) {
			return nil, fmt.Errorf("unknown parameter %q%s", name, nearest.Hint(name, parameters, ": there are "+strings.Join(parameters, ", ")))
		}
	}
	l := &lookup{}
	switch text := q.Get("stale"); text {
	case "", "no":
	case "ok":
		l.stale = true
	default:
		return nil, fmt.Errorf("stale=%s: want ok, if a copy that may be behind will do, or no", text)
	}
	if text := q.Get("version"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("version=%s: want a number from 1", text)
		}
		l.version = n
	}
	return l, nil
}

// storeOf is the store that is meant: the named one, or the only one.
func storeOf(p process.Processor, name string) (string, error) {
	var names []string
	for _, s := range p.Stores {
		if s.Name == name {
			return name, nil
		}
		names = append(names, s.Name)
	}
	switch {
	case len(names) == 0:
		return "", fmt.Errorf("processor %q has no stores", p.Name)
	case name == "" && len(names) == 1:
		return names[0], nil
	case name == "":
		return "", fmt.Errorf("processor %q has the stores %s: say which, as in store=%s", p.Name, strings.Join(names, ", "), names[0])
	}
	return "", fmt.Errorf("processor %q has no store %q%s", p.Name, name, nearest.Hint(name, names, ": there are "+strings.Join(names, ", ")))
}

// taskOf is the task that is meant: that of a partition, or that of a key by Kafka's
// default partitioner (murmur2).
func (a *API) taskOf(ctx context.Context, p process.Processor, key []byte, partition string) (int32, error) {
	n, err := a.partitions(ctx, p.Inputs[0])
	if err != nil {
		return 0, err
	}
	if partition != "" {
		t, err := strconv.ParseInt(partition, 10, 32)
		if err != nil || t < 0 || int32(t) >= n {
			return 0, fmt.Errorf("partition=%s: want 0 to %d", partition, n-1)
		}
		return int32(t), nil
	}
	if key == nil {
		return 0, fmt.Errorf("a range is of one task: say which, partition=0 to %d", n-1)
	}
	by := kgo.StickyKeyPartitioner(nil).ForTopic(p.Inputs[0])
	return int32(by.Partition(&kgo.Record{Key: key}, int(n))), nil
}

// partitions is how many a topic has.
func (a *API) partitions(ctx context.Context, topic string) (int32, error) {
	c := &a.counts
	c.Lock()
	known, ok := c.known[topic]
	c.Unlock()
	if ok && time.Since(known.at) < countAge {
		return known.n, nil
	}
	found, err := kadm.NewClient(a.Client).ListTopics(ctx, topic)
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("input %q: %w", topic, err)
	}
	n := int32(len(found[topic].Partitions))
	c.Lock()
	defer c.Unlock()
	if c.known == nil {
		c.known = map[string]count{}
	}
	c.known[topic] = count{n, time.Now()}
	return n, nil
}

// read has the state read here, if the task is, or by the node that has it.
func (a *API) read(w http.ResponseWriter, r *http.Request, l *lookup, answer func(*state.Task)) {
	w.Header().Set(partitionHeader, strconv.Itoa(int(l.task)))
	if t, ok := l.run.State(l.task); ok {
		here(w, t, 0, answer)
		return
	}
	passedOn := r.Header.Get(forwarded) != ""
	g := l.run.Group()
	if owner, ok := g.Owner(l.task); ok && !owner.Self && owner.Address != "" && !passedOn {
		if a.pass(w, r, owner.Address, l.stale) {
			return
		}
	}
	if l.stale && a.readCopy(w, r, l, passedOn, answer) {
		return
	}
	problem.Write(w, http.StatusServiceUnavailable, fmt.Errorf("task %d of version %d moves, or its state is being restored: %w", l.task, l.version, errMoving))
}

// readCopy reads a standby's copy, here or elsewhere.
func (a *API) readCopy(w http.ResponseWriter, r *http.Request, l *lookup, passedOn bool, answer func(*state.Task)) bool {
	if t, status, ok := l.run.Copy(l.task); ok {
		here(w, t, status.Lag(), answer)
		return true
	}
	if passedOn {
		return false
	}
	for _, m := range l.run.Group().Standbys(l.task) {
		if !m.Self && m.Address != "" && a.pass(w, r, m.Address, true) {
			return true
		}
	}
	return false
}

// here answers from this node's state.
func here(w http.ResponseWriter, t *state.Task, lag int64, answer func(*state.Task)) {
	w.Header().Set(positionHeader, strconv.FormatInt(t.Position().Next, 10))
	w.Header().Set(lagHeader, strconv.FormatInt(lag, 10))
	answer(t)
}

// pass answers as another node does. It answers nothing if that cannot be reached, or,
// where somebody else may do, says that it has not got it.
func (a *API) pass(w http.ResponseWriter, r *http.Request, base string, others bool) bool {
	out := r.Clone(r.Context())
	out.Header.Set(forwarded, "1")
	resp, err := a.Forward(out, base, nil)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable && others:
		return false
	case resp.StatusCode == http.StatusUnauthorized:
		problem.Write(w, http.StatusBadGateway, fmt.Errorf("the node at %s has the task, and does not know this node's token: nodes that share a cluster need one file, --http-token-file", base))
		return true
	}
	for _, name := range []string{"Content-Type", "Cache-Control", "Retry-After", partitionHeader, positionHeader, lagHeader} {
		if v := resp.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // a client that is gone needs no answer
	return true
}
