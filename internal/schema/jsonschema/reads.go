package jsonschema

import (
	"github.com/evidentlog/evident/internal/schema"
	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// Limits of a comparison: what is beyond them is not compatible, and says so.
const (
	maxPairs    = 1_000_000 // of schemas that are compared
	maxFindings = 100       // that are listed
)

// Reads says what was valid for writer and is not valid for s, or may not be:
// Confluent's rules, by which an object that takes properties which it does not
// name cannot name one later, since somebody may have written it with another
// type. The policy Lenient takes it that nobody has.
func (s *Schema) Reads(writer schema.Schema, policy schema.Policy) []schema.Incompatibility {
	w, ok := writer.(*Schema)
	if !ok {
		return []schema.Incompatibility{incompatibility(finding{typeChanged, "#/"})}
	}
	c := comparison{policy: policy, shapes: shapes{}, wrong: map[pair][]finding{}}
	var found []finding
	for {
		known := len(c.wrong)
		c.assumed, c.begun, c.done = false, map[pair]bool{}, map[pair][]finding{}
		found = c.compare(w.root, s.root)
		if c.pairs > maxPairs {
			return []schema.Incompatibility{incompatibility(finding{tooLarge, "#/"})}
		}
		if len(found) > 0 || !c.assumed || len(c.wrong) == known {
			break
		}
	}
	var list []schema.Incompatibility
	for _, f := range found[:min(len(found), maxFindings)] {
		list = append(list, incompatibility(f))
	}
	return list
}

type pair struct{ old, new *shape }

// finding is a difference that is not compatible. The path begins where the
// comparison has begun.
type finding struct {
	typ  string
	path string
}

// comparison compares the schemas of two documents. A pair that is met again
// while it is being compared is taken to be compatible. Where that turns out
// wrong, and nothing else was found, the comparison is made again, and knows.
type comparison struct {
	policy  schema.Policy
	shapes  shapes
	begun   map[pair]bool
	done    map[pair][]finding
	wrong   map[pair][]finding
	assumed bool
	pairs   int
}

// place is where in a document a comparison is, and what it has found there.
type place struct {
	*comparison
	path  string
	found *[]finding
}

// add notes a difference, if the policy does not allow it.
func (p place) add(typ, keyword string) {
	if !tolerated(typ, p.policy) && len(*p.found) < maxFindings {
		*p.found = append(*p.found, finding{typ, join(p.path, keyword)})
	}
}

func (p place) at(step string) place {
	p.path = join(p.path, step)
	return p
}

// compare compares two schemas here. Either may be missing.
func (p place) compare(old, new *js.Schema) {
	switch {
	case old == nil && new == nil:
	case old == nil:
		p.add("SCHEMA_ADDED", "")
	case new == nil:
		p.add("SCHEMA_REMOVED", "")
	default:
		p.take(p.comparison.compare(old, new))
	}
}

// take notes what was found further down.
func (p place) take(found []finding) {
	for _, f := range found {
		if len(*p.found) < maxFindings {
			*p.found = append(*p.found, finding{f.typ, join(p.path, f.path[2:])})
		}
	}
}

// join makes the path of a place: Confluent's, which escapes nothing.
func join(path, step string) string {
	switch {
	case path == "":
		return "#/" + step
	case step == "":
		return path
	case path == "#/":
		return path + step
	}
	return path + "/" + step
}

func (c *comparison) compare(old, new *js.Schema) []finding {
	return c.compareShapes(c.shapes.shape(old), c.shapes.shape(new))
}

func (c *comparison) compareShapes(old, new *shape) []finding {
	p := pair{old, new}
	if found, ok := c.done[p]; ok {
		return found
	}
	if c.begun[p] {
		if found := c.wrong[p]; found != nil {
			return found
		}
		c.assumed = true
		return nil
	}
	if c.pairs++; c.pairs > maxPairs {
		return []finding{{tooLarge, "#/"}}
	}
	c.begun[p] = true
	var found []finding
	place{c, "#/", &found}.shapes(old, new)
	if len(found) > 0 {
		c.wrong[p] = found
	}
	c.done[p] = found
	return found
}

// shapes compares two shapes here.
func (p place) shapes(old, new *shape) {
	if old.form != formCombined && new.form == formCombined && p.isPartOf(old, new) {
		return
	}
	if old.form == formCombined && new.form != formCombined && p.hasPart(old, new) {
		return
	}
	if old.form != new.form {
		if old.form != formFalse && new.form != formEmpty {
			p.add(typeChanged, "")
		}
		return
	}
	switch old.form {
	case formString:
		p.strings(old.of, new.of)
	case formNumber:
		p.numbers(old, new)
	case formObject:
		p.objects(old.of, new.of)
	case formArray:
		p.arrays(old.of, new.of)
	case formEnum:
		p.enums(old.of.Enum.Values, new.of.Enum.Values)
	case formConst:
		if !equal(*old.of.Const, *new.of.Const) {
			p.add("ENUM_ARRAY_CHANGED", "const")
		}
	case formNot:
		if len(p.comparison.compare(new.negated, old.negated)) > 0 {
			p.add("NOT_TYPE_EXTENDED", "not")
		}
	case formCombined:
		p.combinations(old, new)
	}
}

// isPartOf says whether one of a combination's schemas is enough to take what
// the old one took.
func (p place) isPartOf(old, new *shape) bool {
	if len(new.parts) == 1 || new.criterion != allOf {
		for _, part := range new.parts {
			if len(p.compareShapes(old, part)) == 0 {
				return true
			}
		}
	}
	return false
}

// hasPart says whether the new schema takes what one of those took that all had
// to take it.
func (p place) hasPart(old, new *shape) bool {
	if len(old.parts) == 1 || old.criterion == allOf {
		for _, part := range old.parts {
			if len(p.compareShapes(part, new)) == 0 {
				return true
			}
		}
	}
	return false
}

// combinations pairs the schemas of two combinations off, so that as many as
// can be are with one that takes what they took.
func (p place) combinations(old, new *shape) {
	if old.criterion != new.criterion && !relaxed(old, new) {
		p.add("COMBINED_TYPE_CHANGED", "")
		return
	}
	switch n, m := len(old.parts), len(new.parts); {
	case n < m && new.criterion == allOf:
		p.add("PRODUCT_TYPE_EXTENDED", "")
	case n > m && old.criterion != allOf:
		p.add("SUM_TYPE_NARROWED", "")
	}
	edges := make([][]int, len(old.parts))
	for i, a := range old.parts {
		for j, b := range new.parts {
			if len(p.compareShapes(a, b)) == 0 {
				edges[i] = append(edges[i], j)
			}
		}
	}
	if matching(edges, len(new.parts)) < min(len(old.parts), len(new.parts)) {
		p.add("COMBINED_TYPE_SUBSCHEMAS_CHANGED", "")
	}
}

func relaxed(old, new *shape) bool {
	oneOld, oneNew := len(old.parts) == 1, len(new.parts) == 1
	return new.criterion == anyOf || oneOld && oneNew || oneOld && new.criterion == oneOf || oneNew && old.criterion == allOf
}

// matching is how many of the left can be paired with one of n on the right
// each, along edges.
func matching(edges [][]int, n int) (size int) {
	partner := make([]int, n)
	for i := range partner {
		partner[i] = -1
	}
	for left := range edges {
		if augment(edges, partner, make([]bool, n), left) {
			size++
		}
	}
	return size
}

func augment(edges [][]int, partner []int, tried []bool, left int) bool {
	for _, right := range edges[left] {
		if tried[right] {
			continue
		}
		tried[right] = true
		if partner[right] < 0 || augment(edges, partner, tried, partner[right]) {
			partner[right] = left
			return true
		}
	}
	return false
}
