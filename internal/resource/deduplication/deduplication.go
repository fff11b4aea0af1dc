// Package deduplication is the kind Deduplication of declared things: records of a topic
// go to another one, but for those whose id was seen before. Which records those are is
// not decided here: docs/decisions/0031.
package deduplication

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/topic"
)

// Name is the kind's.
const Name = "Deduplication"

//go:embed schema.json
var schema []byte

// A Spec is what is declared of one. What is empty, or 0, has its default.
type Spec struct {
	// Input and Output are the topics from and to which records go.
	Input  string `json:"input"`
	Output string `json:"output"`
	// Key says what a record's id is.
	Key string `json:"key,omitempty"`
	// Window is for how long an id counts: a duration such as 24h.
	Window string `json:"window,omitempty"`
	// Limit is how many of the newest ids do.
	Limit int64 `json:"limit,omitempty"`
	// WithoutID is what becomes of records without an id.
	WithoutID string `json:"withoutId,omitempty"`
	// From is where the input is begun: start, latest or a time (RFC 3339).
	From string `json:"from,omitempty"`
	// Standbys is how many other nodes keep a copy of the ids.
	Standbys int `json:"standbys,omitempty"`
	// Version is the number of the processor's version; 0 is 1.
	Version int `json:"version,omitempty"`
	// Continues is the version from whose last positions on outputs count; 0: all do.
	// Nil: nothing was said.
	Continues *int `json:"continues,omitempty"`
	// Paused has it not run; VersionPaused is the same, said by a reset.
	Paused        bool `json:"paused,omitempty"`
	VersionPaused bool `json:"versionPaused,omitempty"`
}

// Number is the version.
func (s *Spec) Number() int { return cmp.Or(s.Version, 1) }

// Read is the spec of a resource of the kind.
func Read(r *resource.Resource) (Spec, error) {
	var s Spec
	if err := json.Unmarshal(r.Spec, &s); err != nil {
		return s, fmt.Errorf("spec of %v: %w", r.Key(), err)
	}
	return s, nil
}

// Config is what the kind asks of those who run what is declared.
type Config struct {
	// CheckName says what is wrong with a name.
	CheckName func(name string) error
	// DefaultKey is the key expression where none is declared.
	DefaultKey string
	// CheckKey says what is wrong with a key expression.
	CheckKey func(text string) error
	// Check says what else is wrong with a spec whose fields are right each by itself.
	Check func(name string, s Spec) error
	// Remove removes what there is of all versions: positions and ids. They are stopped
	// before, by those who follow what is declared.
	Remove func(ctx context.Context, name string) error
}

// New is the kind.
func New(cfg Config) resource.Kind {
	return resource.Kind{
		Name: Name, Description: "Records of a topic written to another one, but for those whose id was seen before.",
		Schema: schema, CheckName: cfg.CheckName, Check: cfg.check, References: references, Reconciler: &reconciler{cfg},
	}
}

// references are the topics, which are made before, and do not go while it is there.
func references(text json.RawMessage) []resource.Reference {
	var s Spec
	if err := json.Unmarshal(text, &s); err != nil {
		return nil // no schema lets it pass
	}
	to := func(pointer, name string) resource.Reference {
		return resource.Reference{Pointer: pointer, To: resource.Key{Kind: topic.Name, Name: name}}
	}
	return []resource.Reference{to("/input", s.Input), to("/output", s.Output)}
}
