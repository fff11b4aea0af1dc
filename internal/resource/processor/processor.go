// Package processor is the kind Processor of declared things: which versions of a
// processor run, which one counts, and whether it is paused. The code of a processor is
// the program's; nothing is declared of what it does.
package processor

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/resource"
)

// Name is the kind's.
const Name = "Processor"

//go:embed schema.json
var schema []byte

// New is the kind. Only processors of the names that the program has code for can be
// declared.
func New(known []string) resource.Kind {
	known = slices.Sorted(slices.Values(known))
	return resource.Kind{
		Name: Name, Description: "A processor that the program has code for: which versions run, and which one counts.",
		Schema: schema, Check: check,
		CheckName: func(name string) error {
			switch {
			case slices.Contains(known, name):
				return nil
			case len(known) == 0:
				return fmt.Errorf("there is no processor %q: the program has code for none, and registers it in node.Config", name)
			}
			return fmt.Errorf("there is no processor %q%s", name, nearest.Hint(name, known, ": there are "+strings.Join(known, ", ")))
		},
	}
}

// spec is what is checked of a declaration.
type spec struct {
	Active   int `json:"active"`
	Versions []struct {
		Version   int                `json:"version"`
		From      string             `json:"from"`
		Continues int                `json:"continues"`
		At        map[string][]int64 `json:"at"`
		Fired     []json.RawMessage  `json:"fired"`
	} `json:"versions"`
}

// check finds what a schema cannot.
func check(text json.RawMessage) []resource.Fault {
	var s spec
	if err := json.Unmarshal(text, &s); err != nil {
		return []resource.Fault{{Text: err.Error()}}
	}
	var faults []resource.Fault
	fault := func(pointer, format string, args ...any) {
		faults = append(faults, resource.Fault{Pointer: pointer, Text: fmt.Sprintf(format, args...)})
	}
	seen := map[int]bool{}
	for i, v := range s.Versions {
		at := fmt.Sprintf("/versions/%d", i)
		if seen[v.Version] {
			fault(at+"/version", "version %d is there twice", v.Version)
		}
		seen[v.Version] = true
		if !start(v.From) {
			fault(at+"/from", "from is %q, and must be start, latest, or a time such as 2026-01-31T12:00:00Z", v.From)
		}
		if v.Continues == v.Version {
			fault(at+"/continues", "version %d cannot continue itself", v.Version)
		}
		if v.At != nil && v.Continues == 0 {
			fault(at+"/at", "these are the positions of the version that this one continues: say which, as continues")
		}
		if v.Fired != nil && v.At == nil {
			fault(at+"/fired", "these are the timers of the version that this one continues: say where that has stopped, as at")
		}
	}
	for i, v := range s.Versions {
		if seen[v.Continues] && v.Continues != v.Version {
			fault(fmt.Sprintf("/versions/%d/continues", i), "version %d still runs: what continues it begins where it has stopped", v.Continues)
		}
	}
	switch {
	case s.Active != 0 && len(s.Versions) > 0 && !seen[s.Active]:
		fault("/active", "version %d is to count, and is not among the versions that run", s.Active)
	case s.Active == 0 && len(s.Versions) > 1:
		fault("/active", "%d versions run: say which one's outputs count", len(s.Versions))
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
