package record

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
)

// A GUID names a schema in all registries: the MD5 of what makes it this one, as
// Confluent's registry computes it. It protects against nothing.
type GUID [md5.Size]byte

// String is the form of a UUID.
func (g GUID) String() string {
	h := hex.EncodeToString(g[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// ParseGUID reads one, with or without hyphens.
func ParseGUID(text string) (g GUID, ok bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != len(g) {
		return g, false
	}
	return GUID(b), true
}

// GUID is the schema's.
func (v *SchemaValue) GUID() GUID {
	if sum, err := base64.StdEncoding.DecodeString(v.MD5); err == nil && len(sum) == len(GUID{}) {
		return GUID(sum)
	}
	return Sum(v.Text, v.References, v.Metadata, v.RuleSet)
}

// Sum is the GUID of a schema. Its texts follow one another without lengths: schemas
// that differ may, with intent, have the same, which is so in Confluent's too.
func Sum(text string, references []schema.Reference, m *Metadata, r *RuleSet) GUID {
	s := summer{md5.New()}
	s.texts(text)
	for _, ref := range references {
		s.texts(ref.Name, ref.Subject)
		if ref.Version != 0 {
			s.write(binary.BigEndian.AppendUint32(nil, uint32(ref.Version)))
		}
	}
	if m != nil {
		s.mark()
		s.metadata(m)
	}
	if r != nil {
		s.mark()
		s.rules(r.MigrationRules)
		s.rules(r.DomainRules)
		s.rules(r.EncodingRules)
		s.texts(r.EnableAt)
	}
	return GUID(s.Sum(nil))
}

type summer struct{ hash.Hash }

func (s summer) write(b []byte) { s.Write(b) } // a hash does not fail

func (s summer) texts(all ...string) {
	for _, text := range all {
		_, _ = io.WriteString(s, text) // a hash does not fail
	}
}

// mark tells what is there and empty from what is not.
func (s summer) mark() { s.write([]byte{1}) }

func (s summer) metadata(m *Metadata) {
	for _, key := range slices.Sorted(maps.Keys(m.Tags)) {
		s.texts(key)
		s.texts(sortedSet(m.Tags[key])...)
	}
	s.pairs(m.Properties)
	s.texts(sortedSet(m.Sensitive)...)
}

func (s summer) pairs(m map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		s.texts(key, m[key])
	}
}

func (s summer) rules(all []Rule) {
	for i := range all {
		r := &all[i]
		s.texts(r.Name, r.Doc, r.Kind, r.Mode, r.Type)
		s.texts(sortedSet(r.Tags)...)
		s.pairs(r.Params)
		s.texts(r.Expr, r.OnSuccess, r.OnFailure)
		if r.Disabled {
			s.mark()
		}
	}
}

// sortedSet has each text once.
func sortedSet(all []string) []string {
	sorted := slices.Sorted(slices.Values(all))
	return slices.Compact(sorted)
}
