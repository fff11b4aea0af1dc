package deduplication

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/resource"
)

// check finds what a schema cannot.
func (c *Config) check(text json.RawMessage) []resource.Fault {
	var s Spec
	if err := json.Unmarshal(text, &s); err != nil {
		return []resource.Fault{{Text: err.Error()}}
	}
	var faults []resource.Fault
	fault := func(pointer, format string, args ...any) {
		faults = append(faults, resource.Fault{Pointer: pointer, Text: fmt.Sprintf(format, args...)})
	}
	if s.Input == s.Output {
		fault("/output", "input and output are one topic, %q: what was let by would be dropped", s.Output)
	}
	if s.Key != "" && c.CheckKey(s.Key) != nil {
		fault("/key", "%v", c.CheckKey(s.Key))
	}
	if d, err := time.ParseDuration(s.Window); s.Window != "" && (err != nil || d < time.Millisecond) {
		fault("/window", "window is %q, and must be a time of 1 ms or more, such as 24h, 90m or 1h30m", s.Window)
	}
	if !start(s.From) {
		fault("/from", "from is %q, and must be start, latest, or a time such as 2026-01-31T12:00:00Z", s.From)
	}
	if s.Continues != nil && *s.Continues >= s.Number() {
		fault("/continues", "version %d cannot continue version %d: a version continues a lower one", s.Number(), *s.Continues)
	}
	return faults
}

// start tells whether a text is a place to begin at.
func start(from string) bool {
	if from == "" || from == "start" || from == "latest" {
		return true
	}
	_, err := time.Parse(time.RFC3339, from)
	return err == nil
}
