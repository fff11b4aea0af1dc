package avro

import (
	"strconv"

	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// fits says whether a default is a value of a type. The budget is for values
// that are looked at: beyond it nothing fits.
func fits(n *node, v *jsontext.Value, budget *int) bool {
	if *budget--; v == nil || *budget < 0 {
		return false
	}
	switch n.kind {
	case kindNull:
		return v.Kind == jsontext.Null
	case kindBoolean:
		return v.Kind == jsontext.Bool
	case kindInt:
		return isInt(v, 32)
	case kindLong:
		return isInt(v, 64)
	case kindFloat, kindDouble:
		return v.IsNumber()
	case kindArray, kindMap:
		return allFit(n, v, budget)
	case kindRecord:
		return recordFits(n, v, budget)
	case kindUnion:
		for _, b := range n.branches {
			if fits(b, v, budget) {
				return true
			}
		}
		return false
	}
	return v.Kind == jsontext.String // bytes, string, enum, fixed
}

func isInt(v *jsontext.Value, bits int) bool {
	_, err := strconv.ParseInt(v.Text, 10, bits)
	return v.Kind == jsontext.Int && err == nil
}

func allFit(n *node, v *jsontext.Value, budget *int) bool {
	if n.kind == kindArray && v.Kind != jsontext.Array || n.kind == kindMap && v.Kind != jsontext.Object {
		return false
	}
	for i := range v.Items {
		if !fits(n.items, &v.Items[i], budget) {
			return false
		}
	}
	for i := range v.Members {
		if !fits(n.items, &v.Members[i].Value, budget) {
			return false
		}
	}
	return true
}

// recordFits takes for a field that is left out its own default.
func recordFits(n *node, v *jsontext.Value, budget *int) bool {
	if v.Kind != jsontext.Object {
		return false
	}
	given := make(map[string]*jsontext.Value, len(v.Members))
	for i := range v.Members {
		given[v.Members[i].Name] = &v.Members[i].Value
	}
	for i := range n.fields {
		f := &n.fields[i]
		value := given[f.name]
		if value == nil {
			value = f.fallback
		}
		if !fits(f.typ, value, budget) {
			return false
		}
	}
	return true
}
