package avro

import (
	"strings"
	"testing"

	twmb "github.com/twmb/avro"
)

// order is an order of about 500 bytes in Avro's binary encoding.
const order = `{"type":"record","name":"Order","namespace":"shop","fields":[
	{"name":"id","type":{"type":"string","logicalType":"uuid"}},{"name":"customer","type":"string"},{"name":"email","type":["null","string"]},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","PAID","SENT"]}},
	{"name":"address","type":{"type":"record","name":"Address","fields":[{"name":"street","type":"string"},{"name":"city","type":"string"},{"name":"zip","type":"string"},{"name":"country","type":"string"}]}},
	{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"name","type":"string"},{"name":"count","type":"int"},{"name":"price","type":"double"}]}}},
	{"name":"tags","type":{"type":"map","values":"string"}},{"name":"total","type":"double"},{"name":"gift","type":"boolean"}]}`

func orderPayload(t testing.TB) []byte {
	t.Helper()
	line := func(s string) map[string]any {
		return map[string]any{"sku": "SKU-" + s, "name": "A thing of the kind " + s, "count": 3, "price": 19.95}
	}
	payload, err := twmb.MustParse(order).Encode(map[string]any{
		"id": "0190163d-8694-739b-aea5-966c26f8ad91", "customer": "Grace Brewster Murray Hopper", "email": "grace@example.com", "at": int64(1_790_000_000_000), "status": "PAID",
		"address": map[string]any{"street": "Long Street of the Admirals 1906", "city": "Arlington", "zip": "22202", "country": "US"},
		"lines":   []any{line("one"), line("two"), line("three"), line("four"), line("five"), line("six")},
		"tags":    map[string]any{"source": "web", "campaign": strings.Repeat("spring ", 8)}, "total": 359.1, "gift": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestAnOrderMatches(t *testing.T) {
	payload := orderPayload(t)
	if err := check(t, parse(t, order), payload); err != nil || len(payload) < 450 || len(payload) > 550 {
		t.Errorf("%d bytes: %v", len(payload), err)
	}
}

func BenchmarkValidate(b *testing.B) {
	v, err := parse(b, order).Validator()
	if err != nil {
		b.Fatal(err)
	}
	payload := orderPayload(b)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Validate(nil, payload); err != nil {
			b.Fatal(err)
		}
	}
}
