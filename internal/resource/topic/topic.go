// Package topic is the kind Topic of declared things: topics of the cluster, with
// their partitions and settings.
package topic

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/resource"
)

// Name is the kind's.
const Name = "Topic"

//go:embed schema.json
var schema []byte

// Spec is what is declared of a topic.
type Spec struct {
	// Partitions is how many there are; 0: as many as the cluster gives a topic.
	// There may be more later, never fewer.
	Partitions int32 `json:"partitions"`
	// Replicas is how many copies each has; 0: as the cluster has it. They are
	// given when the topic is made.
	Replicas int16 `json:"replicas"`
	// Config has Kafka's settings of topics, such as retention.ms, and Evident's.
	// What is not in it is as the cluster has it.
	Config map[string]Setting `json:"config"`
}

// A Setting is the value of one: a text, a number or a truth, all of which Kafka
// knows as texts.
type Setting string

// UnmarshalJSON takes each as it was written.
func (s *Setting) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		return json.Unmarshal(text, (*string)(s))
	}
	*s = Setting(text)
	return nil
}

// Config says which cluster has the topics.
type Config struct {
	// Client speaks to the cluster. It is the caller's.
	Client *kgo.Client
	// ReplicationFactor is how many replicas a topic gets that does not say; -1: as
	// the cluster has it.
	ReplicationFactor int16
	// Foreign is true of a cluster that does not know Evident's own settings, those
	// that begin with "evident.": they are declared, and not given to it.
	Foreign bool
}

// New is the kind.
func New(cfg Config) resource.Kind {
	return resource.Kind{
		Name: Name, Description: "A topic of the cluster.", Schema: schema, CheckName: checkName, Check: check,
		Reconciler: &reconciler{cfg: cfg},
	}
}

func checkName(name string) error {
	switch {
	case strings.HasPrefix(name, "__"):
		return fmt.Errorf("the name %q begins with __, as those of internal topics do, which cannot be declared", name)
	case name == "." || name == "..":
		return fmt.Errorf("no topic can be called %q", name)
	}
	return nil
}

// check checks Evident's own settings, which not every cluster knows.
func check(spec json.RawMessage) []resource.Fault {
	var s Spec
	if err := json.Unmarshal(spec, &s); err != nil {
		return []resource.Fault{{Text: err.Error()}}
	}
	var faults []resource.Fault
	for _, key := range slices.Sorted(maps.Keys(s.Config)) {
		if !strings.HasPrefix(key, ownPrefix) {
			continue
		}
		if err := checkOwn(key, string(s.Config[key])); err != nil {
			faults = append(faults, resource.Fault{Pointer: "/config/" + key, Text: err.Error()})
		}
	}
	return faults
}

// indexSetting is one of Evident's settings that the broker knows nothing of.
const indexSetting = ownPrefix + "index"

// checkOwn checks one of Evident's own settings. The broker takes any, so that those of
// later versions can be kept; what is declared must be known.
func checkOwn(name, value string) error {
	if name == indexSetting {
		if value != "on" && value != "off" {
			return fmt.Errorf("%s is %q, and must be on or off", name, value)
		}
		return nil
	}
	if _, known := topicconfig.Lookup(name); known {
		return topicconfig.Check(name, value)
	}
	names := []string{indexSetting}
	for _, d := range topicconfig.All() {
		if strings.HasPrefix(d.Name, ownPrefix) {
			names = append(names, d.Name)
		}
	}
	return fmt.Errorf("unknown setting %q%s", name, nearest.Hint(name, names, ": there are "+strings.Join(names, ", ")))
}

// ownPrefix begins the names of Evident's own settings.
const ownPrefix = "evident."

// Own are Evident's own settings among those that are declared of a topic.
func Own(r *resource.Resource) map[string]string {
	spec, err := read(r)
	if err != nil {
		return nil // no schema lets it pass
	}
	own := map[string]string{}
	for key, value := range spec.Config {
		if strings.HasPrefix(key, ownPrefix) {
			own[key] = string(value)
		}
	}
	return own
}

// read is the spec of a resource of the kind.
func read(r *resource.Resource) (Spec, error) {
	var s Spec
	if err := json.Unmarshal(r.Spec, &s); err != nil {
		return s, fmt.Errorf("spec of %v: %w", r.Key(), err)
	}
	return s, nil
}
