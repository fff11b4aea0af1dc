package group

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// wireVersion is that of the user data below; docs/format/processor-group.md has it.
// Members of a later version add fields, which this one passes over.
const wireVersion = 1

// mostWorkers is how many producers a node may say it has.
const mostWorkers = 1024

// introduction is the user data of a member's subscription.
type introduction struct {
	Version  int    `json:"v"`
	Instance string `json:"instance"`
	Workers  int    `json:"workers"`
	// Copies are the offsets of the changelog that come next, by task.
	Copies map[int32]int64 `json:"copies,omitempty"`
}

// plan is the user data of what the leader assigns, the same for all members. Who has
// which task is in the assignments themselves.
type plan struct {
	Version int      `json:"v"`
	Members []roster `json:"members"`
}

// roster is what all know of a member.
type roster struct {
	ID       string `json:"id"`
	Instance string `json:"instance"`
	Workers  int    `json:"workers"`
	// Duties are the tasks that the member is to have a copy of. If the group waits
	// for the copy it is the offset to come to, and else 0.
	Duties map[int32]int64 `json:"duties,omitempty"`
}

func (r roster) standbys() []int32 { return slices.Sorted(maps.Keys(r.Duties)) }

func (p plan) find(id string) (roster, bool) {
	for _, r := range p.Members {
		if r.ID == id {
			return r, true
		}
	}
	return roster{}, false
}

func readIntroduction(data []byte) (i introduction, err error) {
	if err := json.Unmarshal(data, &i); err != nil {
		return i, fmt.Errorf("%w: %w", ErrUserData, err)
	}
	if i.Version < wireVersion {
		return i, fmt.Errorf("%w: version %d, want %d or later", ErrUserData, i.Version, wireVersion)
	}
	if i.Workers < 0 || i.Workers > mostWorkers {
		return i, fmt.Errorf("%w: %d workers, want at most %d", ErrUserData, i.Workers, mostWorkers)
	}
	return i, nil
}

func readPlan(data []byte) (p plan, err error) {
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrUserData, err)
	}
	if p.Version < wireVersion {
		return p, fmt.Errorf("%w: version %d, want %d or later", ErrUserData, p.Version, wireVersion)
	}
	for _, r := range p.Members {
		if r.Workers < 0 || r.Workers > mostWorkers {
			return p, fmt.Errorf("%w: %d workers, want at most %d", ErrUserData, r.Workers, mostWorkers)
		}
	}
	return p, nil
}
