package broker

import (
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/quota"
)

// ipType is Kafka's type of quotas for addresses, which nobody can have here.
const ipType = "ip"

// describeClientQuotas lists the quotas that a filter matches (KIP-546).
func (b *Broker) describeClientQuotas(_ context.Context, _ *call, req *kmsg.DescribeClientQuotasRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeClientQuotasResponse](req)
	filter, err := quotaFilterOf(req)
	if err != nil {
		resp.ErrorCode, resp.ErrorMessage = messageOf(err)
		return resp
	}
	resp.Entries = []kmsg.DescribeClientQuotasResponseEntry{} // null is for errors
	for e, limits := range b.store.Quotas().All() {
		if filter.matches(e) {
			resp.Entries = append(resp.Entries, describeQuota(e, limits))
		}
	}
	return resp
}

func describeQuota(e quota.Entity, limits map[string]float64) kmsg.DescribeClientQuotasResponseEntry {
	entry := kmsg.NewDescribeClientQuotasResponseEntry()
	e.Names(func(nameType string, name *string) {
		entry.Entity = append(entry.Entity, kmsg.DescribeClientQuotasResponseEntryEntity{Type: nameType, Name: name})
	})
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		entry.Values = append(entry.Values, kmsg.DescribeClientQuotasResponseEntryValue{Key: name, Value: limits[name]})
	}
	return entry
}

// quotaFilter is what must be true of an entity.
type quotaFilter struct {
	strict bool // it has no other names than those
	byType map[string]quotaMatch
}

// quotaMatch is what must be true of one of its names: that it is there, and
// unless any is set, that it is this one, nil being the default.
type quotaMatch struct {
	any  bool
	name *string
}

func quotaFilterOf(req *kmsg.DescribeClientQuotasRequest) (quotaFilter, error) {
	f := quotaFilter{req.Strict, make(map[string]quotaMatch)}
	for i := range req.Components {
		rc := &req.Components[i]
		_, twice := f.byType[rc.EntityType]
		switch {
		case rc.EntityType == "":
			return f, refuse(kerr.InvalidRequest, "a component of the filter has no entity type")
		case twice:
			return f, refuse(kerr.InvalidRequest, "the filter has more than one component for %s", rc.EntityType)
		case rc.EntityType != quota.UserType && rc.EntityType != quota.ClientIDType && rc.EntityType != ipType:
			return f, refuse(kerr.UnsupportedVersion, "the entity type %q is unknown", rc.EntityType)
		}
		m, err := quotaMatchOf(rc)
		if err != nil {
			return f, err
		}
		f.byType[rc.EntityType] = m
	}
	if _, ok := f.byType[ipType]; ok && len(f.byType) > 1 {
		return f, refuse(kerr.InvalidRequest, "a filter for ip cannot have components for other entity types")
	}
	return f, nil
}

func quotaMatchOf(rc *kmsg.DescribeClientQuotasRequestComponent) (quotaMatch, error) {
	switch exact := rc.MatchType == kmsg.QuotasMatchTypeExact; {
	case rc.MatchType < kmsg.QuotasMatchTypeExact || rc.MatchType > kmsg.QuotasMatchTypeAny:
		return quotaMatch{}, refuse(kerr.InvalidRequest, "the match type %d is unknown, allowed are 0 to 2", rc.MatchType)
	case exact && rc.Match == nil:
		return quotaMatch{}, refuse(kerr.InvalidRequest, "an exact match for %s needs a name", rc.EntityType)
	case !exact && rc.Match != nil:
		return quotaMatch{}, refuse(kerr.InvalidRequest, "only an exact match can have a name, that for %s has %q", rc.EntityType, *rc.Match)
	}
	return quotaMatch{rc.MatchType == kmsg.QuotasMatchTypeAny, rc.Match}, nil
}

func (f quotaFilter) matches(e quota.Entity) bool {
	names, matched := 0, 0
	e.Names(func(nameType string, name *string) {
		names++
		if m, ok := f.byType[nameType]; ok && m.holds(name) {
			matched++
		}
	})
	return matched == len(f.byType) && (!f.strict || names == matched)
}

func (m quotaMatch) holds(name *string) bool {
	switch {
	case m.any:
		return true
	case m.name == nil || name == nil:
		return m.name == name
	}
	return *m.name == *name
}
