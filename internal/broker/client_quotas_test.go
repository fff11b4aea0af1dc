package broker

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// quotaOf is an entry of an AlterClientQuotas request; names are pairs of type and
// name, "" being the default.
func quotaOf(names []string, ops ...kmsg.AlterClientQuotasRequestEntryOp) kmsg.AlterClientQuotasRequestEntry {
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	for i := 0; i < len(names); i += 2 {
		e := kmsg.AlterClientQuotasRequestEntryEntity{Type: names[i], Name: &names[i+1]}
		if names[i+1] == "" {
			e.Name = nil
		}
		entry.Entity = append(entry.Entity, e)
	}
	entry.Ops = ops
	return entry
}

func limit(key string, value float64) kmsg.AlterClientQuotasRequestEntryOp {
	return kmsg.AlterClientQuotasRequestEntryOp{Key: key, Value: value}
}

func (r *raw) alterQuotas(entries ...kmsg.AlterClientQuotasRequestEntry) []kmsg.AlterClientQuotasResponseEntry {
	r.t.Helper()
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Version, req.Entries = 1, entries
	return ask[*kmsg.AlterClientQuotasResponse](r, req).Entries
}

// setQuota sets one limit.
func (r *raw) setQuota(key string, value float64, names ...string) {
	r.t.Helper()
	for _, e := range r.alterQuotas(quotaOf(names, limit(key, value))) {
		if err := kerr.ErrorForCode(e.ErrorCode); err != nil {
			r.t.Fatal(err, *e.ErrorMessage)
		}
	}
}

func TestAlterClientQuotasAnswersAsKafka(t *testing.T) {
	s := start(t)
	remove := func(key string) kmsg.AlterClientQuotasRequestEntryOp {
		return kmsg.AlterClientQuotasRequestEntryOp{Key: key, Remove: true}
	}
	user := []string{"user", "anna"}
	empty := quotaOf(user)
	nothing := ""
	empty.Entity[0].Name = &nothing
	for _, c := range []struct {
		what  string
		entry kmsg.AlterClientQuotasRequestEntry
		want  *kerr.Error
		text  string
	}{
		{"no entity", quotaOf(nil, limit("producer_byte_rate", 1)), kerr.InvalidRequest, "no names"},
		{"unknown type", quotaOf([]string{"group", "g"}, limit("producer_byte_rate", 1)), kerr.InvalidRequest, `"group"`},
		{"address", quotaOf([]string{"ip", "127.0.0.1"}, limit("connection_creation_rate", 1)), kerr.InvalidRequest, `"ip"`},
		{"type twice", quotaOf([]string{"user", "a", "user", "b"}, limit("producer_byte_rate", 1)), kerr.InvalidRequest, "more than one user"},
		{"empty name", empty, kerr.InvalidRequest, "empty"},
		{"unknown key", quotaOf(user, limit("byte_rate", 1)), kerr.InvalidRequest, `"byte_rate"`},
		{"key twice", quotaOf(user, limit("producer_byte_rate", 1), remove("producer_byte_rate")), kerr.InvalidRequest, "more than once"},
		{"zero", quotaOf(user, limit("producer_byte_rate", 0)), kerr.InvalidRequest, "above 0"},
		{"negative", quotaOf(user, limit("request_percentage", -1)), kerr.InvalidRequest, "above 0"},
		{"no number", quotaOf(user, limit("request_percentage", math.NaN())), kerr.InvalidRequest, "above 0"},
		{"half a byte", quotaOf(user, limit("consumer_byte_rate", 0.5)), kerr.InvalidRequest, "whole"},
		{"remove what is not set", quotaOf(user, remove("producer_byte_rate"), remove("byte_rate")), nil, ""},
		{"nothing", quotaOf(user), nil, ""},
		{"good", quotaOf(user, limit("producer_byte_rate", 1)), nil, ""},
	} {
		got := s.dial().alterQuotas(c.entry, quotaOf([]string{"user", "other"}, limit("request_percentage", 1)))
		check(t, c.what, got[0].ErrorCode, got[0].ErrorMessage, c.want, c.text)
		check(t, "beside "+c.what, got[1].ErrorCode, got[1].ErrorMessage, nil, "")
		if len(got[0].Entity) != len(c.entry.Entity) {
			t.Errorf("%s: answered for %+v", c.what, got[0].Entity)
		}
	}
	twice := s.dial().alterQuotas(quotaOf(user, limit("producer_byte_rate", 5)), quotaOf(user, limit("consumer_byte_rate", 5)))
	if len(twice) != 1 {
		t.Errorf("one entity named twice has %d answers", len(twice))
	}
	check(t, "twice", twice[0].ErrorCode, twice[0].ErrorMessage, kerr.InvalidRequest, "more than once")
	half := s.dial().alterQuotas(quotaOf(user, limit("producer_byte_rate", 5)), quotaOf(user, limit("producer_byte_rate", 5)), quotaOf([]string{"user", "anna", "ip", "::1"}, limit("producer_byte_rate", 5)))
	if len(half) != 2 || len(half[1].Entity) != 2 {
		t.Errorf("an invalid entity that begins as one named twice is not answered: %+v", half)
	}
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Version, req.ValidateOnly = 1, true
	req.Entries = append(req.Entries, quotaOf(user, limit("producer_byte_rate", 7)))
	ask[*kmsg.AlterClientQuotasResponse](s.dial(), req)
	if got := describedQuotas(t, s, false); got != `[{"user":"anna"} producer_byte_rate=1 {"user":"other"} request_percentage=1]` {
		t.Errorf("got %s", got)
	}
}

// describedQuotas shows what a filter matches, in order of entities.
func describedQuotas(t *testing.T, s *server, strict bool, filter ...kadm.DescribeClientQuotaComponent) string {
	t.Helper()
	got, err := s.admin().DescribeClientQuotas(t.Context(), strict, filter)
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]string)
	for _, q := range got {
		var entity, values string
		for _, e := range q.Entity {
			entity += fmt.Sprintf(",%q:", e.Type)
			if e.Name == nil {
				entity += "null"
			} else {
				entity += fmt.Sprintf("%q", *e.Name)
			}
		}
		for _, v := range q.Values {
			values += fmt.Sprintf(" %s=%v", v.Key, v.Value)
		}
		lines["{"+entity[1:]+"}"] = values
	}
	var out []string
	for _, e := range slices.Sorted(maps.Keys(lines)) {
		out = append(out, e+lines[e])
	}
	return fmt.Sprint(out)
}

func TestDescribeClientQuotasFilters(t *testing.T) {
	s := start(t)
	c := s.dial()
	for _, names := range [][]string{
		{"user", "a"}, {"user", ""}, {"client-id", "a"}, {"client-id", ""}, {"user", "a", "client-id", "a"}, {"user", "a", "client-id", ""}, {"user", "", "client-id", ""},
	} {
		c.setQuota("producer_byte_rate", 1, names...)
	}
	match := func(nameType string, how kmsg.QuotasMatchType, name string) kadm.DescribeClientQuotaComponent {
		m := kadm.DescribeClientQuotaComponent{Type: nameType, MatchType: how}
		if how == kmsg.QuotasMatchTypeExact {
			m.MatchName = &name
		}
		return m
	}
	const exact, standard, any = kmsg.QuotasMatchTypeExact, kmsg.QuotasMatchTypeDefault, kmsg.QuotasMatchTypeAny
	for _, c := range []struct {
		strict bool
		filter []kadm.DescribeClientQuotaComponent
		want   int
	}{
		{false, nil, 7}, {true, nil, 0},
		{false, []kadm.DescribeClientQuotaComponent{match("user", exact, "a")}, 3},
		{true, []kadm.DescribeClientQuotaComponent{match("user", exact, "a")}, 1},
		{false, []kadm.DescribeClientQuotaComponent{match("user", standard, "")}, 2},
		{true, []kadm.DescribeClientQuotaComponent{match("user", standard, "")}, 1},
		{false, []kadm.DescribeClientQuotaComponent{match("user", any, "")}, 5},
		{true, []kadm.DescribeClientQuotaComponent{match("user", any, "")}, 2},
		{true, []kadm.DescribeClientQuotaComponent{match("user", any, ""), match("client-id", any, "")}, 3},
		{true, []kadm.DescribeClientQuotaComponent{match("user", exact, "a"), match("client-id", standard, "")}, 1},
		{false, []kadm.DescribeClientQuotaComponent{match("user", exact, "b")}, 0},
		{false, []kadm.DescribeClientQuotaComponent{match("ip", any, "")}, 0},
	} {
		got, err := s.admin().DescribeClientQuotas(t.Context(), c.strict, c.filter)
		if err != nil || len(got) != c.want {
			t.Errorf("strict %v, %+v: got %d entities, %v; want %d", c.strict, c.filter, len(got), err, c.want)
		}
	}
	name := "a"
	for what, c := range map[string]struct {
		filter []kadm.DescribeClientQuotaComponent
		want   error
	}{
		"no type":             {[]kadm.DescribeClientQuotaComponent{match("", any, "")}, kerr.InvalidRequest},
		"unknown type":        {[]kadm.DescribeClientQuotaComponent{match("group", any, "")}, kerr.UnsupportedVersion},
		"type twice":          {[]kadm.DescribeClientQuotaComponent{match("user", any, ""), match("user", standard, "")}, kerr.InvalidRequest},
		"exactly nothing":     {[]kadm.DescribeClientQuotaComponent{{Type: "user", MatchType: exact}}, kerr.InvalidRequest},
		"default with a name": {[]kadm.DescribeClientQuotaComponent{{Type: "user", MatchType: standard, MatchName: &name}}, kerr.InvalidRequest},
		"any with a name":     {[]kadm.DescribeClientQuotaComponent{{Type: "user", MatchType: any, MatchName: &name}}, kerr.InvalidRequest},
		"unknown match":       {[]kadm.DescribeClientQuotaComponent{{Type: "user", MatchType: 3}}, kerr.InvalidRequest},
		"address and user":    {[]kadm.DescribeClientQuotaComponent{match("ip", any, ""), match("user", any, "")}, kerr.InvalidRequest},
	} {
		if _, err := s.admin().DescribeClientQuotas(t.Context(), false, c.filter); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
	}
}
