package topicconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log"
)

// ErrInvalid is wrapped by every refusal. Its Kafka error code is INVALID_CONFIG.
var ErrInvalid = errors.New("invalid topic config")

// maxOpaqueBytes bounds the value of a property that is not understood here.
const maxOpaqueBytes = 64 << 10

// Check says whether name may be set to text; the error, which wraps
// ErrInvalid, is a sentence with the value and what is allowed.
func Check(name, text string) error {
	if isOpaque(name) {
		if len(text) > maxOpaqueBytes {
			return fmt.Errorf("%w: %s is %d bytes long, at most %d are allowed", ErrInvalid, name, len(text), maxOpaqueBytes)
		}
		return nil
	}
	d, ok := Lookup(name)
	if !ok {
		return fmt.Errorf("%w: there is no topic config named %q%s", ErrInvalid, name, suggestion(name))
	}
	_, err := d.parse(text)
	return err
}

// parse reads and checks text as the definition says.
func (d Definition) parse(text string) (value, error) {
	v, err := parse(d.Type, text)
	if err == nil && d.check != nil {
		err = d.check(v)
	}
	if err != nil {
		return v, fmt.Errorf("%w: %s=%q %w", ErrInvalid, d.Name, text, err)
	}
	return v, nil
}

// suggestion names the property that name is probably a misspelling of.
func suggestion(name string) string {
	lower := strings.ReplaceAll(strings.ToLower(name), "_", ".")
	for _, d := range definitions {
		if d.Name == lower || d.NodeName == lower {
			return fmt.Sprintf("; did you mean %q?", d.Name)
		}
	}
	return ""
}

// Settings is what the log is told for a topic with properties own on a node
// with defaults node, both by topic property name. The error wraps ErrInvalid.
func Settings(own, node map[string]string) (log.Settings, error) {
	s := log.DefaultSettings()
	for _, layer := range []map[string]string{node, own} {
		for name, text := range layer {
			if err := Check(name, text); err != nil {
				return s, err
			}
			if d, ok := Lookup(name); ok && d.apply != nil {
				v, _ := d.parse(text)
				d.apply(&s, v)
			}
		}
	}
	if s.MinCompactionLag > s.MaxCompactionLag {
		return s, fmt.Errorf("%w: min.compaction.lag.ms (%d) must not be greater than max.compaction.lag.ms (%d)",
			ErrInvalid, s.MinCompactionLag.Milliseconds(), s.MaxCompactionLag.Milliseconds())
	}
	return s, nil
}

// AppendTo and RemoveFrom are the list operations of IncrementalAlterConfigs
// (KIP-339): they return list, a comma-separated value of the named property,
// with items added or taken out. A property that is no list is an error that
// wraps ErrInvalid.
func AppendTo(name, list, items string) (string, error) {
	if err := mustBeList(name, "append to"); err != nil {
		return "", err
	}
	have := splitList(list)
	known := setOf(have)
	for _, item := range splitList(items) {
		if !known[item] {
			have, known[item] = append(have, item), true
		}
	}
	return strings.Join(have, ","), nil
}

// RemoveFrom is described at [AppendTo].
func RemoveFrom(name, list, items string) (string, error) {
	if err := mustBeList(name, "subtract from"); err != nil {
		return "", err
	}
	gone := setOf(splitList(items))
	have := slices.DeleteFunc(splitList(list), func(item string) bool { return gone[item] })
	return strings.Join(have, ","), nil
}

// setOf has all items: lists come from clients and may be long.
func setOf(items []string) map[string]bool {
	set := make(map[string]bool, len(items))
	for _, item := range items {
		set[item] = true
	}
	return set
}

func mustBeList(name, what string) error {
	if d, ok := Lookup(name); !ok || d.Type != kmsg.ConfigTypeList {
		return fmt.Errorf("%w: cannot %s %s, which is not a list", ErrInvalid, what, name)
	}
	return nil
}
