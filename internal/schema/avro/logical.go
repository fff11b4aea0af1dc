package avro

import (
	"math"
	"strconv"

	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// logicalKinds are the types that a logical type may stand on; decimal and uuid
// have more to them. Logical types do not change what can be read: they decide
// only where they stand in a normalized text.
var logicalKinds = map[string]kind{
	"date": kindInt, "time-millis": kindInt, "time-micros": kindLong, "big-decimal": kindBytes,
	"timestamp-millis": kindLong, "timestamp-micros": kindLong, "timestamp-nanos": kindLong,
	"local-timestamp-millis": kindLong, "local-timestamp-micros": kindLong, "local-timestamp-nanos": kindLong,
}

// logical returns the logical type of a type, if it is one that Avro knows and
// allows there. Others are properties like any.
func (n *node) logical() string {
	var given string
	prop := map[string]*jsontext.Value{}
	for i := range n.props {
		prop[n.props[i].Name] = &n.props[i].Value
	}
	if v := prop["logicalType"]; v.IsString() {
		given = v.Text
	}
	ok := false
	switch given {
	case "decimal":
		ok = n.isDecimal(prop["precision"], prop["scale"])
	case "uuid":
		ok = n.kind == kindString || n.kind == kindFixed && n.size == 16
	case "duration":
		ok = n.kind == kindFixed && n.size == 12
	default:
		var k kind
		k, ok = logicalKinds[given]
		ok = ok && k == n.kind
	}
	if !ok {
		return ""
	}
	return given
}

func (n *node) isDecimal(precision, scale *jsontext.Value) bool {
	if n.kind != kindBytes && n.kind != kindFixed || precision == nil || precision.Kind != jsontext.Int {
		return false
	}
	p, err := strconv.ParseInt(precision.Text, 10, 32)
	if err != nil || p <= 0 || n.kind == kindFixed && p > mostDigits(n.size) {
		return false
	}
	if scale == nil {
		return true
	}
	s, err := strconv.ParseInt(scale.Text, 10, 32)
	return scale.Kind == jsontext.Int && err == nil && s >= 0 && s <= p
}

// mostDigits is how many decimal digits each number of so many bytes, in two's
// complement, can have: floor(log10(2^(8*size-1))).
func mostDigits(size int) int64 {
	return int64(math.Floor(math.Log10(2) * float64(8*size-1)))
}

// normalProps are the properties in the order of a normalized text: those of a
// logical type first, the rest by name.
func normalProps(n *node) []jsontext.Member {
	props := jsontext.Sorted(n.props)
	logical := n.logical()
	if logical == "" {
		return props
	}
	first := make([]jsontext.Member, 0, len(props))
	var rest []jsontext.Member
	take := func(name string) {
		for _, m := range props {
			if m.Name == name && (name != "scale" || m.Value.Text != "0") {
				first = append(first, m)
			}
		}
	}
	take("logicalType")
	if logical == "decimal" {
		take("precision")
		take("scale")
	}
	for _, m := range props {
		taken := false
		for _, f := range first {
			taken = taken || f.Name == m.Name
		}
		if !taken {
			rest = append(rest, m)
		}
	}
	return append(first, rest...)
}
