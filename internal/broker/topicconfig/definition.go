package topicconfig

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log"
)

// OpaquePrefix begins the names of properties that this package keeps without
// understanding them.
const OpaquePrefix = "evident."

// Definition describes one topic property.
type Definition struct {
	// Name is the topic property, as in "retention.ms".
	Name string
	// NodeName is Kafka's name for the broker property that is the default for all topics,
	// as in "log.retention.ms".
	NodeName string
	// Type is the property's type on the wire.
	Type kmsg.ConfigType
	// Default is the value where neither topic nor node gives one.
	Default string
	// Doc is one or two sentences for people.
	Doc string

	check checker                    // refuses values
	apply func(*log.Settings, value) // nil: no effect on the log
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

func isOpaque(name string) bool {
	return strings.HasPrefix(name, OpaquePrefix) && len(name) > len(OpaquePrefix)
}
