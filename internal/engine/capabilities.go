package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Capabilities are what a cluster can do. The zero value can do nothing.
type Capabilities struct {
	// Version is the release of Apache Kafka that the brokers' answers look
	// like, such as "v4.4"; a guess, to be shown and not to be decided on.
	Version string
	// Brokers is how many brokers answered.
	Brokers int

	keys      map[kmsg.Key]int16 // highest version that every broker answers
	finalized map[string]int16   // levels of Kafka's own features (KIP-584)
}

// LackError says that a cluster cannot do something, and why.
type LackError struct {
	// Feature is what the cluster lacks.
	Feature Feature
	// Since is the first release of Apache Kafka that has it.
	Since string
	// Reason is what is missing, in words.
	Reason string
}

func (e *LackError) Error() string {
	return fmt.Sprintf("the Kafka cluster has no %s (%s): %s; Apache Kafka has them since %s",
		e.Feature, e.Feature.needs().kip, e.Reason, e.Since)
}

// TooOldError says that a cluster lacks what nothing works without.
type TooOldError struct {
	// Version is the release that the cluster looks like.
	Version string
	// Since is the first release of Apache Kafka that would do.
	Since string
	// Reason is what is missing, in words.
	Reason string
}

func (e *TooOldError) Error() string {
	return fmt.Sprintf("the Kafka cluster looks like Apache Kafka %s, and %s or later is needed: %s",
		strings.TrimPrefix(e.Version, "v"), e.Since, e.Reason)
}

// Check returns nil if the cluster has the feature, or else a [*LackError].
func (c Capabilities) Check(f Feature) error {
	n := f.needs()
	if reason := c.lacks(n); reason != "" {
		return &LackError{Feature: f, Since: n.since, Reason: reason}
	}
	return nil
}

// Lacking are the features that the cluster does not have, each with its reason.
func (c Capabilities) Lacking() []*LackError {
	var all []*LackError
	for f := range features {
		if n := f.needs(); c.lacks(n) != "" {
			all = append(all, &LackError{Feature: f, Since: n.since, Reason: c.lacks(n)})
		}
	}
	return all
}

// enough returns a [*TooOldError] if the cluster cannot be worked with at all.
func (c Capabilities) enough() error {
	n := required()
	if reason := c.lacks(n); reason != "" {
		return &TooOldError{Version: c.Version, Since: n.since, Reason: reason}
	}
	return nil
}

// lacks says what of n is missing, or nothing.
func (c Capabilities) lacks(n needs) string {
	for _, key := range slices.Sorted(maps.Keys(n.keys)) {
		highest, answered := c.keys[key]
		switch want := n.keys[key]; {
		case !answered:
			return fmt.Sprintf("it does not answer %s requests", key.Name())
		case highest < want:
			return fmt.Sprintf("it answers %s requests up to version %d, and %d is needed", key.Name(), highest, want)
		}
	}
	if n.feature == "" || c.finalized[n.feature] >= n.level {
		return ""
	}
	return fmt.Sprintf("its feature %s is at level %d, and %d is needed", n.feature, c.finalized[n.feature], n.level)
}

// equal tells whether both can do the same.
func (c Capabilities) equal(other Capabilities) bool {
	return c.Brokers == other.Brokers && maps.Equal(c.keys, other.keys) && maps.Equal(c.finalized, other.finalized)
}
