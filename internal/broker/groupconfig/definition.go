package groupconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

// ErrInvalid is wrapped by every refusal. Its Kafka error code is INVALID_CONFIG.
var ErrInvalid = errors.New("invalid group config")

// Definition describes one group property.
type Definition struct {
	// Name is the group property, as in "share.record.lock.duration.ms".
	Name string
	// NodeName is Kafka's name for the broker property that is the default for
	// all groups, or "" if there is none.
	NodeName string
	// Type is the property's type on the wire.
	Type kmsg.ConfigType
	// Default is the value where neither group nor node gives one.
	Default string
	// Doc is one or two sentences for people.
	Doc string

	set setter
}

// All returns every definition, sorted by name.
func All() []Definition { return slices.Clone(definitions) }

// Lookup returns the definition of the named property.
func Lookup(name string) (Definition, bool) {
	i, ok := slices.BinarySearchFunc(definitions, name, func(d Definition, n string) int {
		return strings.Compare(d.Name, n)
	})
	if !ok {
		return Definition{}, false
	}
	return definitions[i], true
}

// Check says whether a group may have these properties, on a node with
// defaults node. The error, which wraps ErrInvalid, is a sentence with the
// value and what is allowed.
func Check(own, node map[string]string) error {
	for name := range own {
		if _, ok := Lookup(name); !ok {
			return fmt.Errorf("%w: there is no group config named %q", ErrInvalid, name)
		}
	}
	_, err := Of(own, node)
	return err
}

func (d Definition) refuse(text string, err error) error {
	return fmt.Errorf("%w: %s=%q %w", ErrInvalid, d.Name, text, err)
}

// Describe lists all properties of a group with properties own on a node with
// defaults node, sorted by name.
func Describe(own, node map[string]string) []topicconfig.Entry {
	entries := make([]topicconfig.Entry, len(definitions))
	for i, d := range definitions {
		e := topicconfig.Entry{Name: d.Name, Doc: d.Doc, Type: d.Type}
		if v, ok := own[d.Name]; ok {
			e.Synonyms = append(e.Synonyms, topicconfig.Synonym{Name: d.Name, Value: v, Source: kmsg.ConfigSourceGroupConfig})
		}
		name := d.NodeName
		if name == "" {
			name = d.Name
		}
		if v, ok := node[d.Name]; ok {
			e.Synonyms = append(e.Synonyms, topicconfig.Synonym{Name: name, Value: v, Source: kmsg.ConfigSourceStaticBrokerConfig})
		}
		e.Synonyms = append(e.Synonyms, topicconfig.Synonym{Name: name, Value: d.Default, Source: kmsg.ConfigSourceDefaultConfig})
		e.Value, e.Source = e.Synonyms[0].Value, e.Synonyms[0].Source
		entries[i] = e
	}
	return entries
}
