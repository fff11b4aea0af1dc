package metadata

import (
	"maps"
	"testing"

	"github.com/evidentlog/evident/internal/broker/quota"
)

func entity(t *testing.T, text string) quota.Entity {
	t.Helper()
	e, err := quota.ParseEntity(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestQuotasOutliveTheStore(t *testing.T) {
	dir := t.TempDir()
	s, l := open(t, dir)
	alice, everybody := entity(t, `{"user":"alice/\"é","client-id":null}`), entity(t, `{"user":null}`)
	alter := func(changes map[quota.Entity]map[string]float64) {
		t.Helper()
		err := s.AlterQuotas(func(*quota.Table) map[quota.Entity]map[string]float64 { return changes })
		if err != nil {
			t.Fatal(err)
		}
	}
	limits := map[string]float64{"producer_byte_rate": 1 << 40, "request_percentage": 0.1}
	alter(map[quota.Entity]map[string]float64{alice: {"consumer_byte_rate": 1}, everybody: {"consumer_byte_rate": 1}})
	alter(map[quota.Entity]map[string]float64{alice: limits, everybody: nil})
	alter(nil)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, dir)
	if got := s.Quotas().Limits(alice); !maps.Equal(got, limits) {
		t.Errorf("got %v, want %v", got, limits)
	}
	if got := maps.Collect(s.Quotas().All()); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}
