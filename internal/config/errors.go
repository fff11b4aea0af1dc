package config

import (
	"fmt"

	"github.com/evidentlog/evident/internal/nearest"
)

// KeyError says that a setting is not known.
type KeyError struct {
	// Where is the place that named it: "evident.yaml:3" or "the environment".
	Where string
	// Key is the name that was given.
	Key string
	// Known are the names that could have been meant there.
	Known []string
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("%s: unknown setting %q%s", e.Where, e.Key,
		nearest.Hint(e.Key, e.Known, `; "evident serve --help" lists them`))
}

// ValueError says that a setting's value cannot be used.
type ValueError struct {
	// Where is the place that gave the value: "evident.yaml:3",
	// "EVIDENT_DATA", "--data", or nothing if several places made it.
	Where string
	// Key is the setting, if Where does not name it already.
	Key string
	// Value is what was given.
	Value string
	// Want says what would do.
	Want string
}

func (e *ValueError) Error() string {
	prefix := e.Where
	if e.Key != "" && prefix != "" {
		prefix += ": "
	}
	prefix += e.Key
	return fmt.Sprintf("%s: %q will not do: want %s", prefix, e.Value, e.Want)
}
