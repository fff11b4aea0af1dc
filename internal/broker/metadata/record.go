package metadata

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/evidentlog/evident/internal/auth"
	"github.com/evidentlog/evident/internal/broker/quota"
)

const (
	formatVersion     = 1
	clusterKey        = "/cluster"
	producerIDsKey    = "/producer-ids"
	authenticationKey = "/authentication"
	userPrefix        = "/user/" // the user's name follows
)

// record is one key and value of the metadata partition; a nil value deletes.
type record struct {
	key   string
	value []byte
}

type topicValue struct {
	Version    int               `json:"v"`
	ID         ID                `json:"id"`
	Partitions int               `json:"partitions"`
	Configs    map[string]string `json:"configs,omitempty"`
}

type clusterValue struct {
	Version int    `json:"v"`
	ID      string `json:"id"`
}

type producerIDsValue struct {
	Version int   `json:"v"`
	Next    int64 `json:"next"`
}

func topicRecord(t *Topic) (record, error) {
	return newRecord(t.Name, topicValue{formatVersion, t.ID, len(t.Partitions), t.Configs})
}

func newRecord(key string, value any) (record, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return record{}, fmt.Errorf("metadata record %s: %w", key, err)
	}
	return record{key, b}, nil
}

// image is what the records say, read from first to last.
type image struct {
	topics         map[string]topicValue
	groups         groupConfigs
	users          map[string]auth.Credentials
	quotas         map[quota.Entity]map[string]float64
	secret         []byte
	clusterID      string
	nextProducerID int64
}

func newImage() *image {
	return &image{
		topics: make(map[string]topicValue), groups: make(groupConfigs), users: make(map[string]auth.Credentials),
		quotas: make(map[quota.Entity]map[string]float64),
	}
}

func (m *image) apply(key string, value []byte) error {
	if value == nil {
		m.remove(key)
		return nil
	}
	var head struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(value, &head); err != nil {
		return fmt.Errorf("metadata record %q: %w", key, err)
	}
	if head.Version != formatVersion {
		return fmt.Errorf("metadata record %q has format version %d, this program knows %d: run the version of Evident that wrote it, or a newer one",
			key, head.Version, formatVersion)
	}
	if err := m.set(key, value); err != nil {
		return fmt.Errorf("metadata record %q: %w", key, err)
	}
	return nil
}

func (m *image) remove(key string) {
	if group, ok := groupOf(key); ok {
		delete(m.groups, group)
	} else if user, ok := strings.CutPrefix(key, userPrefix); ok {
		delete(m.users, user)
	} else if !m.removeQuota(key) {
		delete(m.topics, key)
	}
}

func (m *image) set(key string, value []byte) error {
	switch {
	case key == clusterKey:
		var v clusterValue
		err := json.Unmarshal(value, &v)
		m.clusterID = v.ID
		return err
	case key == producerIDsKey:
		var v producerIDsValue
		err := json.Unmarshal(value, &v)
		m.nextProducerID = v.Next
		return err
	case strings.HasPrefix(key, groupPrefix):
		var v groupValue
		err := json.Unmarshal(value, &v)
		m.groups.set(strings.TrimPrefix(key, groupPrefix), v.Configs)
		return err
	case key == authenticationKey:
		var v authenticationValue
		err := json.Unmarshal(value, &v)
		m.secret = v.Secret
		return err
	case strings.HasPrefix(key, userPrefix):
		return m.setUser(key[len(userPrefix):], value)
	case strings.HasPrefix(key, quotaPrefix):
		return m.setQuota(key[len(quotaPrefix):], value)
	case strings.HasPrefix(key, "/"):
		return fmt.Errorf("unknown key: run the version of Evident that wrote it, or a newer one")
	}
	var v topicValue
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	if v.Partitions < 1 {
		return fmt.Errorf("%d partitions", v.Partitions)
	}
	m.topics[key] = v
	return nil
}

func (m *image) setUser(name string, value []byte) error {
	var v userValue
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	credentials, err := v.credentials()
	if err != nil {
		return err
	}
	m.users[name] = credentials
	return nil
}
