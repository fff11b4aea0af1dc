package resource

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// things are of a kind whose specs may refer to others.
func things(t *testing.T) *Kinds {
	t.Helper()
	kinds, err := NewKinds(Kind{
		Name: "Thing", Description: "A thing.",
		Schema: []byte(`{
			"type": "object", "additionalProperties": false, "required": ["size"],
			"properties": {
				"size": {"type": "integer", "minimum": 1, "maximum": 100},
				"color": {"enum": ["red", "green"]},
				"shape": {"type": "string", "pattern": "^[a-z]+$"},
				"parts": {"type": "array", "items": {"type": "string"}},
				"inner": {"type": "object", "additionalProperties": false, "properties": {"deep": {"type": "boolean"}}}
			}
		}`),
		References: func(spec json.RawMessage) []Reference {
			var s struct{ Parts []string }
			_ = json.Unmarshal(spec, &s) // the schema has seen it
			var all []Reference
			for i, name := range s.Parts {
				all = append(all, Reference{fmt.Sprintf("/parts/%d", i), Key{"Thing", name}})
			}
			return all
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

func thing(t *testing.T, name string, size int, parts ...string) *Resource {
	t.Helper()
	spec, err := encode(map[string]any{"size": size, "parts": append([]string{}, parts...)})
	if err != nil {
		t.Fatal(err)
	}
	return &Resource{APIVersion: APIVersion, Kind: "Thing", Metadata: Metadata{Name: name}, Spec: spec}
}

func stateOf(t *testing.T, all ...*Resource) *State {
	t.Helper()
	var versions []*Version
	for i, r := range all {
		versions = append(versions, &Version{Resource: r, Key: r.Key(), Revision: int64(i + 1)})
	}
	s, err := newState(topicID{}, 0).with(int64(len(all)+1), versions)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is a plan, or its faults, in words.
func told(changes []Change, faults []Placed) string {
	var all []string
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%s %s", c.Action, c.Key.Name))
	}
	for _, f := range faults {
		all = append(all, fmt.Sprintf("%d%s: %s", f.Index, f.Pointer, f.Text))
	}
	return strings.Join(all, "\n")
}

func labelled(r *Resource, set string) *Resource {
	r.Metadata.Labels = map[string]string{SetLabel: set}
	return r
}

func TestAPlanMakesFirstWhatOthersReferTo(t *testing.T) {
	kinds := things(t)
	for _, test := range []struct {
		name  string
		state []*Resource
		wish  Wish
		want  string
	}{
		{"new ones", nil, Wish{Apply: []*Resource{thing(t, "a", 1, "c"), thing(t, "b", 1), thing(t, "c", 1, "b")}}, "create b\ncreate c\ncreate a"},
		{"one is there", []*Resource{thing(t, "b", 1)}, Wish{Apply: []*Resource{thing(t, "a", 1, "b")}}, "create a"},
		{"the same again", []*Resource{thing(t, "a", 1)}, Wish{Apply: []*Resource{thing(t, "a", 1)}}, "unchanged a"},
		{"another size", []*Resource{thing(t, "a", 1)}, Wish{Apply: []*Resource{thing(t, "a", 2)}}, "update a"},
		{"deleted, the other way round", []*Resource{thing(t, "b", 1), thing(t, "a", 1, "b")}, Wish{Delete: []Key{{"Thing", "b"}, {"Thing", "a"}}}, "delete a\ndelete b"},
		{
			"pruned: of the set only", []*Resource{labelled(thing(t, "a", 1), "x"), labelled(thing(t, "b", 1), "y"), thing(t, "c", 1), labelled(thing(t, "d", 1), "x")},
			Wish{Apply: []*Resource{thing(t, "a", 1)}, Set: "x", Prune: true}, "unchanged a\ndelete d",
		},
		{"twice", nil, Wish{Apply: []*Resource{thing(t, "a", 1), thing(t, "a", 2)}}, "1/metadata/name: Thing/a is declared twice: declaration 1 is of the same name"},
		{"dangling", []*Resource{thing(t, "orders", 1)}, Wish{Apply: []*Resource{thing(t, "a", 1, "oders")}}, `0/spec/parts/0: Thing/oders is not declared: did you mean "orders"?`},
		{
			"deleted under another", []*Resource{thing(t, "b", 1), thing(t, "a", 1, "b")}, Wish{Delete: []Key{{"Thing", "b"}}},
			"-1: Thing/b cannot be deleted: Thing/a refers to it",
		},
		{
			"deleted, and referred to by what comes", []*Resource{thing(t, "b", 1)}, Wish{Apply: []*Resource{thing(t, "a", 1, "b")}, Delete: []Key{{"Thing", "b"}}},
			"0/spec/parts/0: Thing/b is to be deleted by the same request",
		},
		{"deleted, and never there", nil, Wish{Delete: []Key{{"Thing", "b"}}}, "-1: Thing/b is not declared: there is no Thing at all"},
		{
			"a circle", nil, Wish{Apply: []*Resource{thing(t, "a", 1, "b"), thing(t, "b", 1, "c"), thing(t, "c", 1, "a")}},
			"0/spec: references go in a circle: Thing/a -> Thing/b -> Thing/c -> Thing/a",
		},
		{
			"a circle through what is there", []*Resource{thing(t, "b", 1), thing(t, "a", 1, "b")}, Wish{Apply: []*Resource{thing(t, "b", 1, "a")}},
			"0/spec: references go in a circle: Thing/b -> Thing/a -> Thing/b",
		},
		{"itself", nil, Wish{Apply: []*Resource{thing(t, "a", 1, "a")}}, "0/spec: references go in a circle: Thing/a -> Thing/a"},
		{
			"of another set", nil, Wish{Apply: []*Resource{labelled(thing(t, "a", 1), "y")}, Set: "x"},
			`0/metadata/labels/evident~1set: Thing/a says that it is of the set "y", and "x" is applied`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := told(kinds.plan(stateOf(t, test.state...), test.wish)); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestDifferencesAreToldByPlace(t *testing.T) {
	before := &Resource{Kind: "Thing", Metadata: Metadata{Name: "a", Labels: map[string]string{"x": "1"}}, Spec: json.RawMessage(`{"a":1,"b":[1,2],"c":{"d":true}}`)}
	after := &Resource{Kind: "Thing", Metadata: Metadata{Name: "a", Labels: map[string]string{"y": "1"}}, Spec: json.RawMessage(`{"a":1.0,"b":[1],"c":{"d":false},"e~/":null}`)}
	all, err := Diff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		got = append(got, d.String())
	}
	want := `- /metadata/labels/x: "1"
+ /metadata/labels/y: "1"
~ /spec/a: 1 -> 1.0
- /spec/b/1: 2
~ /spec/c/d: true -> false
+ /spec/e~0~1: null`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}
