package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

const (
	// mostReferred is how many schemas one may refer to, directly or not.
	mostReferred = 1000
	// mostReferredBytes is how long their texts may be together.
	mostReferredBytes = 16 << 20
)

// parse reads a schema of a subject, with what it refers to. fresh says that it is to
// be registered. Errors are [InvalidSchema].
func (r *Registry) parse(name subject.Name, v *record.SchemaValue, fresh bool) (schema.Schema, error) {
	l := r.languages[v.Type]
	if l == nil {
		return nil, Errorf(InvalidSchema, "Invalid schema type %s", v.Type)
	}
	source := schema.Source{Text: v.Text, References: v.References, New: fresh}
	found := resolver{state: r.State(), seen: map[string]bool{}}
	err := found.all(name, v.References)
	if err == nil {
		source.Resolved = found.texts
		var parsed schema.Schema
		if parsed, err = r.parsed.get(l, source); err == nil {
			return parsed, nil
		}
	}
	return nil, Errorf(InvalidSchema, "Invalid schema of type %s, details: %w", v.Type, err)
}

// errReference says that a schema refers to what is not there.
var errReference = errors.New("no schema reference found")

// A resolver finds what a schema refers to.
type resolver struct {
	state *state.State
	seen  map[string]bool // by the name in references
	texts []schema.Named  // each after those that it needs
	bytes int
}

func (f *resolver) all(name subject.Name, references []schema.Reference) error {
	for _, ref := range references {
		if f.seen[ref.Name] {
			continue
		}
		f.seen[ref.Name] = true // before what it refers to itself: there may be a loop
		if err := f.one(name, ref); err != nil {
			return err
		}
	}
	return nil
}

func (f *resolver) one(name subject.Name, ref schema.Reference) error {
	to := name.Within(ref.Subject)
	v := f.state.Get(to, ref.Version, state.All)
	if ref.Version == -1 {
		v = f.state.Latest(to)
	}
	if v == nil {
		return fmt.Errorf("%w for subject %q and version %d (the reference %q)", errReference, to, ref.Version, ref.Name)
	}
	if f.bytes += len(v.Text); len(f.seen) > mostReferred || f.bytes > mostReferredBytes {
		return fmt.Errorf("it refers to more than %d schemas, or %d bytes of them", mostReferred, mostReferredBytes)
	}
	if err := f.all(to, v.References); err != nil {
		return err
	}
	f.texts = append(f.texts, schema.Named{Name: ref.Name, Text: v.Text})
	return nil
}

const (
	// mostParsed is how many parsed schemas half a cache has.
	mostParsed = 500
	// mostParsedBytes is how long their texts are, together, at most.
	mostParsedBytes = 32 << 20
)

// A cache keeps parsed schemas, by all that goes into them. It has two halves: when the
// newer is full, the older goes. The zero cache is empty; it is safe for concurrent use.
type cache struct {
	mu struct {
		sync.Mutex
		newer, older map[[sha256.Size]byte]schema.Schema
		bytes        int // of the newer one's texts
	}
}

// get parses a source, or finds it parsed.
func (c *cache) get(l schema.Language, source schema.Source) (schema.Schema, error) {
	key, size := keyOf(l.Type(), source)
	c.mu.Lock()
	s, ok := c.mu.newer[key]
	if !ok {
		if s, ok = c.mu.older[key]; ok {
			c.put(key, s, size)
		}
	}
	c.mu.Unlock()
	if ok {
		return s, nil
	}
	s, err := l.Parse(source)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.put(key, s, size)
	c.mu.Unlock()
	return s, nil
}

// put is called with the lock.
func (c *cache) put(key [sha256.Size]byte, s schema.Schema, size int) {
	if c.mu.newer == nil || len(c.mu.newer) >= mostParsed || c.mu.bytes+size > mostParsedBytes {
		c.mu.older, c.mu.newer, c.mu.bytes = c.mu.newer, map[[sha256.Size]byte]schema.Schema{}, 0
	}
	c.mu.newer[key] = s
	c.mu.bytes += size
}

// keyOf is a hash of all that a source has, each part with its length.
func keyOf(t schema.Type, source schema.Source) (key [sha256.Size]byte, size int) {
	h := sha256.New()
	size = put(h, string(t)) + put(h, source.Text)
	if source.New {
		put(h, "new")
	}
	for _, ref := range source.References {
		size += put(h, ref.Name) + put(h, ref.Subject)
		put(h, fmt.Sprint(ref.Version))
	}
	put(h, "")
	for _, n := range source.Resolved {
		size += put(h, n.Name) + put(h, n.Text)
	}
	return [sha256.Size]byte(h.Sum(nil)), size
}

func put(h hash.Hash, text string) int {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text)))) // a hash does not fail
	_, _ = io.WriteString(h, text)
	return len(text)
}
