package schema

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestWordsAreReadAsConfluentSpellsThem(t *testing.T) {
	for s, want := range map[string]Type{"": Avro, "AVRO": Avro, "JSON": JSON, "PROTOBUF": Protobuf} {
		if got, err := ParseType(s); got != want || err != nil {
			t.Errorf("ParseType(%q) is %q, %v", s, got, err)
		}
	}
	for s, want := range map[string]Compatibility{"none": None, "Full_Transitive": FullTransitive, "BACKWARD": Backward} {
		if got, err := ParseCompatibility(s); got != want || err != nil {
			t.Errorf("ParseCompatibility(%q) is %q, %v", s, got, err)
		}
	}
	for s, want := range map[string]Policy{"": Strict, "strict": Strict, "LENIENT": Lenient} {
		if got, err := ParsePolicy(s); got != want || err != nil {
			t.Errorf("ParsePolicy(%q) is %q, %v", s, got, err)
		}
	}
	for _, err := range []error{second(ParseType("avro")), second(ParseCompatibility("")), second(ParsePolicy("loose"))} {
		if err == nil {
			t.Error("a word that is none was taken")
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestReferencesAreSortedAndEachOnce(t *testing.T) {
	given := []Reference{{"b", "s", 2}, {"a", "t", 1}, {"b", "s", 1}, {"a", "s", 3}, {"b", "s", 2}}
	want := []Reference{{"a", "s", 3}, {"a", "t", 1}, {"b", "s", 1}, {"b", "s", 2}}
	if got := SortReferences(given); !slices.Equal(got, want) || given[0].Name != "b" || len(given) != 5 {
		t.Errorf("sorted %v, from %v", got, given)
	}
}

func TestAMismatchIsOneAndSaysWhere(t *testing.T) {
	err := fmt.Errorf("record 3: %w", &Mismatch{Path: "/amount", Reason: "-1 is below 0"})
	if !errors.Is(err, ErrMismatch) || errors.Is(err, ErrInvalid) || err.Error() != "record 3: at /amount: -1 is below 0" {
		t.Errorf("got %v", err)
	}
}
