package broker

import (
	"context"
	"maps"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/quota"
)

// alterClientQuotas sets and removes limits (KIP-546). Entities without a mistake are
// altered together; an entity that is named more than once is not.
func (b *Broker) alterClientQuotas(_ context.Context, _ *call, req *kmsg.AlterClientQuotasRequest) kmsg.Response {
	resp := reply[*kmsg.AlterClientQuotasResponse](req)
	entities := make([]quota.Entity, len(req.Entries))
	errs := make([]error, len(req.Entries))
	named := make(map[quota.Entity]int)
	for i := range req.Entries {
		if entities[i], errs[i] = quotaEntityOf(&req.Entries[i]); errs[i] == nil {
			named[entities[i]]++
		}
	}
	for i := range req.Entries {
		if errs[i] == nil && named[entities[i]] > 1 {
			errs[i] = refuse(kerr.InvalidRequest, "%v is named more than once", entities[i])
		}
		if errs[i] == nil {
			errs[i] = checkQuotaOps(req.Entries[i].Ops)
		}
	}
	if !req.ValidateOnly {
		b.storeQuotas(req, entities, errs)
	}
	answered := make(map[quota.Entity]bool)
	for i := range req.Entries {
		if named[entities[i]] > 1 && answered[entities[i]] {
			continue // one that is named twice has one answer, as in Kafka
		}
		answered[entities[i]] = true
		resp.Entries = append(resp.Entries, alteredQuota(&req.Entries[i], errs[i]))
	}
	return resp
}

func quotaEntityOf(re *kmsg.AlterClientQuotasRequestEntry) (e quota.Entity, err error) {
	if len(re.Entity) == 0 {
		return e, refuse(kerr.InvalidRequest, "the entity has no names")
	}
	for _, n := range re.Entity {
		if err := e.Set(n.Type, n.Name); err != nil {
			return quota.Entity{}, err // half of it is no entity
		}
	}
	return e, nil
}

func checkQuotaOps(ops []kmsg.AlterClientQuotasRequestEntryOp) error {
	seen := make(map[string]bool)
	for _, op := range ops {
		if seen[op.Key] {
			return refuse(kerr.InvalidRequest, "%s is altered more than once", op.Key)
		}
		seen[op.Key] = true
		if op.Remove { // of what is not there is no mistake
			continue
		}
		if err := quota.CheckLimit(op.Key, op.Value); err != nil {
			return err
		}
	}
	return nil
}

// storeQuotas stores what has no error. Its own error becomes that of all of them.
func (b *Broker) storeQuotas(req *kmsg.AlterClientQuotasRequest, entities []quota.Entity, errs []error) {
	err := b.store.AlterQuotas(func(t *quota.Table) map[quota.Entity]map[string]float64 {
		changes := make(map[quota.Entity]map[string]float64)
		for i := range req.Entries {
			if errs[i] != nil {
				continue
			}
			if limits := altered(t.Limits(entities[i]), req.Entries[i].Ops); !maps.Equal(limits, t.Limits(entities[i])) {
				changes[entities[i]] = limits
			}
		}
		return changes
	})
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
}

func altered(limits map[string]float64, ops []kmsg.AlterClientQuotasRequestEntryOp) map[string]float64 {
	next := make(map[string]float64)
	maps.Copy(next, limits)
	for _, op := range ops {
		if op.Remove {
			delete(next, op.Key)
		} else {
			next[op.Key] = op.Value
		}
	}
	return next
}

func alteredQuota(re *kmsg.AlterClientQuotasRequestEntry, err error) kmsg.AlterClientQuotasResponseEntry {
	entry := kmsg.NewAlterClientQuotasResponseEntry()
	entry.ErrorCode, entry.ErrorMessage = messageOf(err)
	for _, n := range re.Entity {
		entry.Entity = append(entry.Entity, kmsg.AlterClientQuotasResponseEntryEntity{Type: n.Type, Name: n.Name})
	}
	return entry
}
