// Package topic is what "evident topic" does: creating, listing, describing,
// altering, trimming and deleting topics. Each command is a struct whose fields are its
// flags and whose Run does it.
package topic

import (
	"encoding/base64"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/tool"
)

// Summary is a topic as "topic list" shows it.
type Summary struct {
	Topic      string `json:"topic"`
	ID         string `json:"id"` // as Kafka writes it: base64url without padding (KIP-516)
	Partitions int    `json:"partitions"`
	Replicas   int    `json:"replicas"`
	Internal   bool   `json:"internal"`
}

func summary(d kadm.TopicDetail) Summary {
	return Summary{d.Topic, idText(d.ID), len(d.Partitions), d.Partitions.NumReplicas(), d.IsInternal}
}

func idText(id kadm.TopicID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// settings reads key=value pairs.
func settings(pairs []string) (map[string]*string, error) {
	all := map[string]*string{}
	for _, pair := range pairs {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return nil, tool.Usagef(`-c %q is no setting: write key=value, such as "retention.ms=86400000"`, pair)
		}
		all[key] = &value
	}
	return all, nil
}

// hint names the setting that was probably meant by one of keys that is no topic property.
// It is asked only after the cluster has refused, since newer clusters know more.
func hint[V any](settings map[string]V) string {
	known := properties()
	for _, key := range sortedKeys(settings) {
		near, ok := nearest.Of(key, known)
		if ok && near != key {
			return `did you mean "` + near + `"?`
		}
	}
	return ""
}

// properties are the names of Kafka's topic settings.
func properties() []string {
	var names []string
	for _, d := range topicconfig.All() {
		names = append(names, d.Name)
	}
	return names
}
