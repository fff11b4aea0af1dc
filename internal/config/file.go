package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// loadFile adds the settings of the YAML file called name to k.
func loadFile(k *koanf.Koanf, name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("cannot read the configuration file: %w", err)
	}
	return k.Load(rawbytes.Provider(content), fileParser{name})
}

// fileParser reads YAML and checks it against the table of settings; it
// implements [koanf.Parser]. Errors carry the line.
type fileParser struct{ name string }

// Unmarshal reads a whole file.
func (p fileParser) Unmarshal(content []byte) (map[string]any, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("%s: not YAML: %w", p.name, err)
	}
	if len(document.Content) == 0 {
		return map[string]any{}, nil
	}
	settings := nodeSettings()
	known := append(keys(settings), "listeners")
	values := map[string]any{}
	err := p.eachKey(document.Content[0], known, func(key, value *yaml.Node) error {
		if key.Value == "listeners" {
			listeners, err := p.listeners(value)
			values["listeners"] = listeners
			return err
		}
		s, _ := find(settings, key.Value)
		v, err := p.setting(s, value)
		values[s.key] = v
		return err
	})
	if err != nil {
		return nil, err
	}
	return values, p.twoWays(document.Content[0], values)
}

// Marshal is part of [koanf.Parser]; a configuration is never written.
func (fileParser) Marshal(map[string]any) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// eachKey calls f with every key of a mapping and its value. The keys must be
// among known, and none may come twice.
func (p fileParser) eachKey(mapping *yaml.Node, known []string, f func(key, value *yaml.Node) error) error {
	if mapping.Kind != yaml.MappingNode {
		return p.wrong(mapping, "", `"key: value" lines`)
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if !slices.Contains(known, key.Value) {
			return &KeyError{Where: p.where(key), Key: key.Value, Known: known}
		}
		if line, again := seen[key.Value]; again {
			return fmt.Errorf("%s: %s was set on line %d already: keep one of them", p.where(key), key.Value, line)
		}
		seen[key.Value] = key.Line
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

// setting reads the value of one setting.
func (p fileParser) setting(s setting, value *yaml.Node) (any, error) {
	if m, ok := mappings()[s.key]; ok {
		if value.Kind != yaml.MappingNode {
			return nil, p.wrong(value, s.key, m.wanted)
		}
		return p.pairs(value, m)
	}
	if list, ok := listed(value); ok && s.isList() {
		value = list
	}
	if value.Kind != yaml.ScalarNode {
		return nil, p.wrong(value, s.key, p.wanted(s))
	}
	v, err := s.value(value.Value)
	if err != nil {
		return nil, &ValueError{Where: p.where(value), Key: s.key, Value: s.shown(value.Value), Want: err.Error()}
	}
	return v, nil
}

// wanted asks the setting itself what it would take.
func (p fileParser) wanted(s setting) string {
	if _, err := s.value(""); err != nil {
		return err.Error()
	}
	return "a single value"
}

// mapping is a setting that the file gives as a mapping of texts.
type mapping struct {
	check  func(key, value string) error // its error completes "want …"
	secret bool                          // values are not shown
	wanted string
}

func mappings() map[string]mapping {
	return map[string]mapping{
		"topic-default":  {check: checkProperty, wanted: `"property: value" lines, such as "retention.ms: 86400000"`},
		"bootstrap-user": {check: checkReference, secret: true, wanted: `"name: reference" lines, such as "admin: file:/run/secrets/admin"`},
	}
}

// listed is a list of single values as one text with commas between them.
func listed(value *yaml.Node) (*yaml.Node, bool) {
	if value.Kind != yaml.SequenceNode {
		return nil, false
	}
	var items []string
	for _, item := range value.Content {
		if item.Kind != yaml.ScalarNode {
			return nil, false
		}
		items = append(items, item.Value)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: strings.Join(items, ","), Line: value.Line}, true
}

// pairs reads a mapping of texts.
func (p fileParser) pairs(mapping *yaml.Node, m mapping) (any, error) {
	pairs := map[string]any{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			return nil, p.wrong(value, key.Value, "a single value")
		}
		if err := m.check(key.Value, value.Value); err != nil {
			shown := value.Value
			if m.secret {
				shown = "…"
			}
			return nil, &ValueError{Where: p.where(value), Key: key.Value, Value: shown, Want: err.Error()}
		}
		pairs[key.Value] = value.Value
	}
	return pairs, nil
}

// listeners reads the named listeners of each protocol.
func (p fileParser) listeners(value *yaml.Node) (any, error) {
	protocols := map[string]any{}
	err := p.eachKey(value, []string{"kafka", "http", "registry"}, func(key, value *yaml.Node) error {
		if value.Kind != yaml.SequenceNode {
			return p.wrong(value, "listeners."+key.Value, `a list of listeners, each with "name" and "address"`)
		}
		listeners := make([]any, 0, len(value.Content))
		for _, item := range value.Content {
			l, err := p.listener(item)
			if err != nil {
				return err
			}
			listeners = append(listeners, l)
		}
		protocols[key.Value] = listeners
		return nil
	})
	return protocols, err
}

// listener reads one named listener.
func (p fileParser) listener(item *yaml.Node) (any, error) {
	kinds := map[string]kind{
		"name": someText, "address": listenAddress, "advertise": clientAddress,
		"tls-cert": readableFile, "tls-key": readableFile, "tls-client-ca": readableFile, "sasl": mechanisms,
	}
	fields := map[string]any{}
	known := []string{"name", "address", "advertise", "tls-cert", "tls-key", "tls-client-ca", "sasl"}
	err := p.eachKey(item, known, func(key, value *yaml.Node) error {
		v, err := p.setting(setting{key: key.Value, value: kinds[key.Value]}, value)
		fields[key.Value] = v
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, needed := range []string{"name", "address"} {
		if _, ok := fields[needed]; !ok {
			return nil, fmt.Errorf("%s: this listener has no %s: add one", p.where(item), needed)
		}
	}
	if (fields["tls-cert"] == nil) != (fields["tls-key"] == nil) {
		return nil, fmt.Errorf("%s: TLS needs both tls-cert and tls-key: add the other one", p.where(item))
	}
	return fields, nil
}

// twoWays refuses a file that gives the address of a protocol both in short
// and as named listeners.
func (p fileParser) twoWays(mapping *yaml.Node, values map[string]any) error {
	protocols, _ := values["listeners"].(map[string]any)
	for i := 0; i < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		for protocol := range protocols {
			if key.Value == "listen-"+protocol {
				return fmt.Errorf("%s: %s and listeners.%s exclude each other: keep one of them",
					p.where(key), key.Value, protocol)
			}
		}
	}
	return nil
}

func (p fileParser) where(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d", p.name, n.Line)
}

// wrong says that value cannot be the value of key.
func (p fileParser) wrong(value *yaml.Node, key, want string) error {
	return &ValueError{Where: p.where(value), Key: key, Value: shown(value), Want: want}
}

// shown is value as an error message gives it.
func shown(value *yaml.Node) string {
	switch value.Kind {
	case yaml.MappingNode:
		return "{…}"
	case yaml.SequenceNode:
		return "[…]"
	default:
		return value.Value
	}
}
