package topicconfig

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Entry is one property of a topic as DescribeConfigs shows it.
type Entry struct {
	Name, Value, Doc string
	Type             kmsg.ConfigType
	Source           kmsg.ConfigSource
	// Synonyms are the values from the one in force down to the default.
	Synonyms []Synonym
}

// Synonym is a value that a property has, or would have if those above were not set.
type Synonym struct {
	Name, Value string
	Source      kmsg.ConfigSource
}

// Describe lists all properties of a topic with properties own on a node with
// defaults node, sorted by name, opaque ones last.
func Describe(own, node map[string]string) []Entry {
	entries := make([]Entry, 0, len(definitions))
	for _, d := range definitions {
		entries = append(entries, d.entry(own, node))
	}
	opaque := maps.Collect(maps.All(node))
	maps.Copy(opaque, own)
	for _, name := range slices.Sorted(maps.Keys(opaque)) {
		if isOpaque(name) {
			entries = append(entries, Definition{Name: name, NodeName: name, Type: kmsg.ConfigTypeString,
				Doc: "Kept for another part of Evident."}.entry(own, node))
		}
	}
	return entries
}

func (d Definition) entry(own, node map[string]string) Entry {
	e := Entry{Name: d.Name, Doc: d.Doc, Type: d.Type}
	if v, ok := own[d.Name]; ok {
		e.Synonyms = append(e.Synonyms, Synonym{d.Name, v, kmsg.ConfigSourceDynamicTopicConfig})
	}
	if v, ok := node[d.Name]; ok {
		e.Synonyms = append(e.Synonyms, Synonym{d.NodeName, v, kmsg.ConfigSourceStaticBrokerConfig})
	}
	if !isOpaque(d.Name) {
		e.Synonyms = append(e.Synonyms, Synonym{d.NodeName, d.Default, kmsg.ConfigSourceDefaultConfig})
	}
	e.Value, e.Source = e.Synonyms[0].Value, e.Synonyms[0].Source
	return e
}
