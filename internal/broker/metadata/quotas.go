package metadata

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/evidentlog/evident/internal/broker/quota"
)

// quotaPrefix begins the keys of client quotas; the entity in its text form
// follows.
const quotaPrefix = "/quota/"

type quotaValue struct {
	Version int                `json:"v"`
	Limits  map[string]float64 `json:"limits"`
}

// quotaRecord is the record of an entity's limits, by name; none are a tombstone.
func quotaRecord(e quota.Entity, limits map[string]float64) (record, error) {
	key := quotaPrefix + e.String()
	if len(limits) == 0 {
		return record{key: key}, nil
	}
	return newRecord(key, quotaValue{formatVersion, limits})
}

// setQuota checks what a record says: a limit that is not known would not be
// enforced.
func (m *image) setQuota(entity string, value []byte) error {
	e, err := quota.ParseEntity(entity)
	if err != nil {
		return err
	}
	var v quotaValue
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	if len(v.Limits) == 0 {
		return fmt.Errorf("no limits")
	}
	for name, limit := range v.Limits {
		if err := quota.CheckLimit(name, limit); err != nil {
			return fmt.Errorf("%w: run the version of Evident that wrote it, or a newer one", err)
		}
	}
	m.quotas[e] = v.Limits
	return nil
}

func (m *image) removeQuota(key string) bool {
	entity, ok := strings.CutPrefix(key, quotaPrefix)
	if !ok {
		return false
	}
	if e, err := quota.ParseEntity(entity); err == nil {
		delete(m.quotas, e)
	}
	return true
}

// Quotas are all client quotas now.
func (s *Store) Quotas() *quota.Table { return s.quotas.Load() }

// AlterQuotas replaces the limits of the entities that change returns, given all as
// they are; no limits take an entity out. It returns when that is durable.
func (s *Store) AlterQuotas(change func(*quota.Table) map[quota.Entity]map[string]float64) error {
	s.names.lock(quotaPrefix)
	defer s.names.unlock(quotaPrefix)
	changes := change(s.Quotas())
	var records []record
	for e, limits := range changes {
		r, err := quotaRecord(e, limits)
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		return nil
	}
	if err := s.partition.write(records); err != nil {
		return err
	}
	s.quotas.Store(s.Quotas().With(changes))
	return nil
}
