package event

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Errors of this package, for errors.Is.
var (
	// ErrInvalid says that something claims to be an event and breaks a rule.
	ErrInvalid = errors.New("invalid event")
	// ErrSyntax says that a text is no JSON.
	ErrSyntax = errors.New("invalid JSON")
	// ErrNotEvent says that a message does not claim to be an event.
	ErrNotEvent = errors.New("not a CloudEvent")
	// ErrFormat says that an event is in a format that is not known here.
	ErrFormat = errors.New("unknown event format")
	// ErrTooLarge says that something is larger than it was allowed to be.
	ErrTooLarge = errors.New("too large")
)

// An AttributeError says which attribute breaks which rule. It wraps [ErrInvalid].
type AttributeError struct {
	Attribute string // its name, or data
	Value     string // its canonical string; empty if it is missing
	Reason    string
}

func (e *AttributeError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%v: %s %s", ErrInvalid, clip(e.Attribute), e.Reason)
	}
	return fmt.Sprintf("%v: %s %q %s", ErrInvalid, clip(e.Attribute), clip(e.Value), e.Reason)
}

// Unwrap returns ErrInvalid.
func (e *AttributeError) Unwrap() error { return ErrInvalid }

// A SyntaxError says where a text stops being JSON. It wraps [ErrSyntax].
type SyntaxError struct {
	Offset int64 // in bytes from the beginning of the text
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%v: byte %d: %s", ErrSyntax, e.Offset, e.Reason)
}

// Unwrap returns ErrSyntax.
func (e *SyntaxError) Unwrap() error { return ErrSyntax }

// shown is how much of a value an error shows, in bytes.
const shown = 80

// clip shortens what an error shows.
func clip(s string) string { return clipTo(s, shown) }

// clipTo shortens a text to so many bytes, and says so, without cutting a character.
func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
