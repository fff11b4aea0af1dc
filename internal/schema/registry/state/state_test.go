package state

import (
	"errors"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

func put(t *testing.T, s *State, name string, version, id int, text string, refs ...schema.Reference) {
	t.Helper()
	if err := s.Apply(schemaRecord(name, version, id, text, refs...), 0); err != nil {
		t.Fatal(err)
	}
}

func schemaRecord(name string, version, id int, text string, refs ...schema.Reference) record.Record {
	v := &record.SchemaValue{Subject: name, Version: version, ID: id, Type: schema.Avro, Text: text, References: refs}
	return record.Record{Key: record.Key{Type: record.Schema, Subject: name, Version: version}, Value: v}
}

func remove(t *testing.T, s *State, name string, version int) {
	t.Helper()
	if err := s.Apply(record.Record{Key: record.Key{Type: record.Schema, Subject: name, Version: version}}, 0); err != nil {
		t.Fatal(err)
	}
}

func TestAnIDIsOneSchemasInAContextUntilNoVersionHasIt(t *testing.T) {
	s := New()
	put(t, s, "s", 1, 1, "a")
	put(t, s, "s", 3, 1, "a")
	put(t, s, "t", 1, 1, "a")
	put(t, s, ":.eu:s", 1, 1, "b") // another context's
	if err := s.Apply(schemaRecord("u", 1, 1, "b"), 0); !errors.Is(err, ErrTaken) || s.Has(subject.Parse("u"), true) {
		t.Errorf("a second schema with the id: %v", err)
	}
	if v := s.WithID(subject.Parse("s"), 1); v == nil || v.Version != 3 {
		t.Errorf("the subject has it as %+v", v)
	}
	remove(t, s, "s", 3)
	if v := s.WithID(subject.Parse("s"), 1); v == nil || v.Version != 1 {
		t.Errorf("then as %+v", v)
	}
	remove(t, s, "s", 1)
	remove(t, s, "t", 1)
	remove(t, s, "t", 1)
	if v := s.WithID(subject.Parse(""), 1); v != nil || s.Has(subject.Parse("s"), true) {
		t.Errorf("when all are gone it is %+v's", v)
	}
	put(t, s, "u", 1, 1, "b") // it is nobody's
	if s.MaxID(".") != 1 || s.MaxID(".eu") != 1 || s.MaxID(".us") != 0 {
		t.Errorf("the highest are %d, %d, %d", s.MaxID("."), s.MaxID(".eu"), s.MaxID(".us"))
	}
}

func TestAVersionThatIsWrittenAnewTakesThePlaceOfTheOld(t *testing.T) {
	s := New()
	put(t, s, "s", 1, 1, "a", schema.Reference{Name: "x", Subject: "x", Version: 1})
	put(t, s, "s", 1, 2, "b")
	if v := s.WithID(subject.Parse(""), 1); v != nil {
		t.Errorf("the old id is still %+v's", v)
	}
	if all := s.Referrers(subject.Parse("x"), 1, All); len(all) != 0 {
		t.Errorf("what it referred to is still referred to by %v", all)
	}
	if all := s.Versions(subject.Parse("s"), All); len(all) != 1 || all[0].Text != "b" {
		t.Errorf("there are %v", all)
	}
}

func TestDeletedVersionsAreThereForWhoAsks(t *testing.T) {
	s := New()
	put(t, s, "s", 1, 1, "a")
	put(t, s, "s", 2, 2, "b")
	before := s.Get(subject.Parse("s"), 1, Live)
	value := &record.SubjectValue{Subject: "s", Version: 1}
	if err := s.Apply(record.Record{Key: record.Key{Type: record.DeleteSubject, Subject: "s"}, Value: value}, 0); err != nil {
		t.Fatal(err)
	}
	if before.Deleted || s.Get(subject.Parse("s"), 1, Live) != nil || s.Get(subject.Parse("s"), 1, Deleted) == nil || s.Latest(subject.Parse("s")).Version != 2 {
		t.Error("the first version is not deleted, or who had it sees it change")
	}
	value = &record.SubjectValue{}
	if err := s.Apply(record.Record{Key: record.Key{Type: record.ClearSubject}, Value: value}, 0); err != nil {
		t.Fatal(err)
	}
	if all := s.Versions(subject.Parse("s"), All); len(all) != 1 || all[0].Version != 2 || s.WithID(subject.Parse(""), 1) != nil {
		t.Errorf("cleared, there are %v", all)
	}
}
