package quota

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

var (
	start = time.UnixMilli(1_700_000_000_000)
	anna  = Client{"anna", "app"}
)

// meter is a meter with the limits of one kind, by entity.
func meter(l Limit, byEntity map[string]float64) *Meter {
	all := make(map[Entity]map[string]float64)
	for text, v := range byEntity {
		e, err := ParseEntity(text)
		if err != nil {
			panic(err)
		}
		all[e] = map[string]float64{l.String(): v}
	}
	t := NewTable(all)
	return NewMeter(Config{Table: func() *Table { return t }, Windows: 11, Window: time.Second})
}

// Each level wins over those after it, and shares what was used with whom it says.
func TestTheMostSpecificEntityWins(t *testing.T) {
	levels := []struct {
		entity          string
		others, clients bool // is the account shared with other users, with other clients of the user
	}{
		{`{"user":"anna","client-id":"app"}`, false, false},
		{`{"user":"anna","client-id":null}`, false, false},
		{`{"user":"anna"}`, false, true},
		{`{"user":null,"client-id":"app"}`, false, false},
		{`{"user":null,"client-id":null}`, false, false},
		{`{"user":null}`, false, true},
		{`{"client-id":"app"}`, true, false},
		{`{"client-id":null}`, true, false},
	}
	for i, level := range levels {
		set := map[string]float64{`{"user":"bea"}`: 1e9, `{"client-id":"other"}`: 1e9}
		for j, l := range levels[i:] {
			set[l.entity] = float64(i + j + 1)
		}
		m := meter(ProducerBytes, set)
		limit, a, ok := m.cfg.Table().find(ProducerBytes, anna)
		if !ok || limit != float64(i+1) {
			t.Errorf("%s and below: the limit is %v", level.entity, limit)
		}
		_, sibling, _ := m.cfg.Table().find(ProducerBytes, Client{"anna", "job"})
		if shared := a == sibling; level.clients != shared {
			t.Errorf("%s: shared with another client of the user: %v", level.entity, shared)
		}
		_, stranger, _ := m.cfg.Table().find(ProducerBytes, Client{"carl", "app"})
		if shared := a == stranger; level.others != shared {
			t.Errorf("%s: shared with another user: %v", level.entity, shared)
		}
	}
}

func TestClientsWithoutLimitsAreFree(t *testing.T) {
	m := meter(ProducerBytes, map[string]float64{`{"user":"bea"}`: 1, `{"client-id":null}`: 1})
	for _, c := range []struct {
		limit  Limit
		client Client
		free   bool
	}{
		{ProducerBytes, Client{"bea", "app"}, false},
		{ProducerBytes, anna, false},
		{ProducerBytes, Client{"anna", ""}, true}, // no client id is not the default one
		{ConsumerBytes, Client{"bea", "app"}, true},
		{MutationRate, Client{"bea", "app"}, true},
	} {
		if wait := m.Use(c.limit, c.client, 1e9, start); (wait == 0) != c.free {
			t.Errorf("%v of %+v: wait %v", c.limit, c.client, wait)
		}
		if most := m.Most(c.limit, c.client); math.IsInf(most, 1) != c.free {
			t.Errorf("%v of %+v: at most %v", c.limit, c.client, most)
		}
	}
	if !m.Limits(ProducerBytes) || m.Limits(ConsumerBytes) {
		t.Error("wrong kinds are limited")
	}
	var none *Table
	if len(none.Limits(Entity{})) > 0 {
		t.Error("no table has limits")
	}
	for range none.All() {
		t.Error("no table has entities")
	}
}

// The waits are those that Kafka's own rate gives: over ten whole windows and what
// has passed of the running one.
func TestWaitsBringTheRateDownToTheLimit(t *testing.T) {
	m := meter(ProducerBytes, map[string]float64{`{"user":"anna"}`: 100})
	for _, step := range []struct {
		at     time.Duration
		amount float64
		want   int64 // ms
	}{
		{0, 1000, 0},                         // ten windows' worth, in no less than ten windows
		{500 * time.Millisecond, 50, 0},      // 1050 in 10.5 s
		{500 * time.Millisecond, 100, 1000},  // 1150 in 10.5 s
		{1500 * time.Millisecond, 500, 6000}, // 1650 in ten windows and a half
		{6500 * time.Millisecond, 0, 6000},
		{10999 * time.Millisecond, 1, 5511}, // 1651 in 10.999 s
		{11400 * time.Millisecond, 0, 5110}, // in 11.4 s
		{11500 * time.Millisecond, 0, 0},    // the first second is forgotten: 501 in 10.5 s
		{60 * time.Second, 1100, 1000},      // all is
	} {
		if got := m.Use(ProducerBytes, anna, step.amount, start.Add(step.at)).Round(time.Millisecond).Milliseconds(); got != step.want {
			t.Errorf("%v at %v: wait %v ms, want %v", step.amount, step.at, got, step.want)
		}
	}
}

func TestWhatWouldHaveToWaitIsNotCounted(t *testing.T) {
	m := meter(ConsumerBytes, map[string]float64{`{"user":"anna"}`: 100})
	try := func(amount float64, want time.Duration, counted bool) {
		t.Helper()
		if got, ok := m.Try(ConsumerBytes, anna, amount, start); got.Round(time.Millisecond) != want || ok != counted {
			t.Errorf("%v: wait %v, counted %v; want %v, %v", amount, got, ok, want, counted)
		}
	}
	try(900, 0, true)
	try(300, 2*time.Second, false)
	try(300, 2*time.Second, false) // the same: nothing has been counted
	try(100, 0, true)
	try(1, 10*time.Millisecond, false)
	if most := m.Most(ConsumerBytes, anna); most != 1000 {
		t.Errorf("at most %v at once", most)
	}
}

// A batch that is more than all windows allow must get through some day.
func TestWhatIsTooMuchForAllWindowsIsCountedAlone(t *testing.T) {
	m := meter(ConsumerBytes, map[string]float64{`{"user":"anna"}`: 100})
	if wait, ok := m.Try(ConsumerBytes, anna, 3000, start); !ok || wait != 20*time.Second {
		t.Errorf("wait %v, counted %v", wait, ok)
	}
	if wait, ok := m.Try(ConsumerBytes, anna, 3000, start.Add(time.Second)); ok || wait < 40*time.Second {
		t.Errorf("once more: wait %v, counted %v", wait, ok)
	}
}

func TestBucketsFillAndGoBelowZero(t *testing.T) {
	m := meter(MutationRate, map[string]float64{`{"user":"anna"}`: 2})
	take := func(at time.Duration, amount float64, strict bool, want time.Duration, taken bool) {
		t.Helper()
		if got, ok := m.Take(MutationRate, anna, amount, strict, start.Add(at)); got.Round(time.Millisecond) != want || ok != taken {
			t.Errorf("%v at %v: wait %v, taken %v; want %v, %v", amount, at, got, ok, want, taken)
		}
	}
	take(0, 22, true, 0, true)               // all that it holds
	take(0, 10, true, 0, true)               // down to -10
	take(0, 1, true, 5*time.Second, false)   // nothing is taken
	take(0, 2, false, 6*time.Second, true)   // down to -12
	take(6*time.Second, 1, true, 0, true)    // from 0 to -1
	take(100*time.Second, 22, true, 0, true) // full again, and not fuller
	take(100*time.Second, 1, true, 0, true)  // 0 is not below
	take(100*time.Second, 1, true, 500*time.Millisecond, false)
	if wait, ok := m.Take(MutationRate, Client{"bea", "app"}, 1e9, true, start); wait != 0 || !ok {
		t.Errorf("a client without limit waits %v", wait)
	}
}

// Clients that come and go leave nothing behind.
func TestIdleAccountsAreDropped(t *testing.T) {
	m := meter(ProducerBytes, map[string]float64{`{"client-id":null}`: 1})
	busy := Client{"anna", "busy"}
	for i := range 100_000 {
		now := start.Add(time.Duration(i) * 10 * time.Millisecond)
		m.Use(ProducerBytes, Client{"anna", fmt.Sprint(i)}, 1e6, now)
		m.Use(ProducerBytes, busy, 1, now)
	}
	if n := len(m.mu.rates); n > 2*sweepFrom+1 {
		t.Errorf("%d accounts are remembered", n)
	}
	if wait := m.Use(ProducerBytes, busy, 0, start.Add(1000*time.Second)); wait == 0 {
		t.Error("a busy client was forgotten")
	}
}

// Nor do they while they are there, whatever they call themselves.
func TestAnAccountDoesNotKeepItsClientsId(t *testing.T) {
	m := meter(ProducerBytes, map[string]float64{`{"client-id":null}`: 1})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range sweepFrom {
		m.Use(ProducerBytes, Client{"anna", strings.Repeat(fmt.Sprint(i%10), 32<<10) + fmt.Sprint(i)}, 1, start)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 { // 32 MiB of ids
		t.Errorf("%d accounts take %d bytes", len(m.mu.rates), grown)
	}
	if n := len(m.mu.rates); n != sweepFrom {
		t.Errorf("%d accounts, want %d", n, sweepFrom)
	}
}

func TestEntitiesAreReadBackAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{`{"user":"anna"}`, `{"user":null,"client-id":"a/\"b\""}`, `{"client-id":null}`, `{"user":"ö","client-id":null}`} {
		e, err := ParseEntity(text)
		if err != nil || e.String() != text {
			t.Errorf("%s: got %s, %v", text, e, err)
		}
	}
	for text, want := range map[string]string{
		`{"ip":"127.0.0.1"}`: `"ip" is not enforced`, `{"user":""}`: "empty", `[]`: "unmarshal",
		`{"client-id":null,"user":null}`: "is written", ` {"user":null}`: "is written",
	} {
		if e, err := ParseEntity(text); !errors.Is(err, ErrInvalidEntity) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %s, %v", text, e, err)
		}
	}
	var e Entity
	name, broken := "anna", "\xff"
	if err := e.Set(UserType, &broken); !errors.Is(err, ErrInvalidEntity) {
		t.Errorf("a name that is no UTF-8: %v", err)
	}
	if err := errors.Join(e.Set(UserType, &name), e.Set(UserType, nil)); !errors.Is(err, ErrInvalidEntity) {
		t.Errorf("two users: %v", err)
	}
}

func TestLimitsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name  string
		value float64
		want  string
	}{
		{"producer_byte_rate", 1, ""}, {"consumer_byte_rate", 1 << 40, ""}, {"request_percentage", 0.5, ""}, {"controller_mutation_rate", 0.01, ""},
		{"producer_byte_rate", 0, "above 0"}, {"producer_byte_rate", -1, "above 0"}, {"request_percentage", 0, "above 0"},
		{"producer_byte_rate", 4.9999999, ""}, {"producer_byte_rate", 5.0000001, ""}, {"producer_byte_rate", 1.5, "whole"}, {"producer_byte_rate", 1e19, "at most"},
		{"request_percentage", math.NaN(), "above 0"}, {"request_percentage", math.Inf(1), "above 0"},
		{"connection_creation_rate", 1, "no limit named"}, {"", 1, "no limit named"},
	} {
		err := CheckLimit(c.name, c.value)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrInvalidLimit) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s=%v: got %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

func TestTablesDoNotChange(t *testing.T) {
	e := Entity{User: Name{Named, "anna"}}
	var none *Table
	one := none.With(map[Entity]map[string]float64{e: {"producer_byte_rate": 1}})
	two := one.With(map[Entity]map[string]float64{e: {"producer_byte_rate": 2}})
	gone := two.With(map[Entity]map[string]float64{e: nil})
	for want, table := range map[float64]*Table{0: gone, 1: one, 2: two} {
		if got := table.Limits(e)["producer_byte_rate"]; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// Invariants: whatever ParseEntity takes is written as it was read.
func FuzzParseEntity(f *testing.F) {
	f.Add(`{"user":"anna","client-id":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := ParseEntity(text); err == nil && (e.String() != text || e == Entity{} && text != "{}") {
			t.Errorf("%q is written %s", text, e)
		}
	})
}

func BenchmarkUse(b *testing.B) {
	for name, l := range map[string]Limit{"limited": ProducerBytes, "free": ConsumerBytes} {
		m := meter(ProducerBytes, map[string]float64{`{"client-id":null}`: 1e12})
		b.Run(name, func(b *testing.B) {
			now := time.Now()
			for range b.N {
				m.Use(l, anna, 100, now)
			}
		})
	}
}
