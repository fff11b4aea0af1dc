package wire

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Every version of every request that the codec can write passes, and no
// prefix of it does.
func TestCheckAcceptsWhatTheCodecWrites(t *testing.T) {
	for key := range schemas {
		req := kmsg.RequestForKey(key)
		for v := range req.MaxVersion() + 1 {
			rnd := rand.New(rand.NewPCG(uint64(key), uint64(v)))
			for range 30 {
				req := kmsg.RequestForKey(key)
				fill(rnd, reflect.ValueOf(req).Elem())
				req.SetVersion(v)
				body := req.AppendTo(nil)
				if after, err := check(key, v, body); err != nil || after != 0 {
					t.Fatalf("%s v%d: %v, %d bytes after the last field", kmsg.NameForKey(key), v, err, after)
				}
				if len(body) > 0 {
					cut := body[:rnd.IntN(len(body))]
					if err := Check(key, v, cut); !errors.Is(err, ErrMalformed) {
						t.Fatalf("%s v%d: %d of %d bytes pass", kmsg.NameForKey(key), v, len(cut), len(body))
					}
				}
			}
		}
	}
}

func TestSchemasAreFlexibleWhereTheCodecIs(t *testing.T) {
	for key, s := range schemas {
		req := kmsg.RequestForKey(key)
		for v := range req.MaxVersion() + 1 {
			req.SetVersion(v)
			if req.IsFlexible() != (v >= s.flexible) {
				t.Errorf("%s v%d: flexible is %v, want %v", kmsg.NameForKey(key), v, v >= s.flexible, req.IsFlexible())
			}
		}
	}
}

func TestCheckRefusesClaimsWithoutBytes(t *testing.T) {
	metadataV12 := func(tail ...byte) []byte { return append([]byte{1, 0, 0}, tail...) } // no topics, two booleans
	huge := binary.AppendUvarint(nil, 1<<32-1)
	for name, c := range map[string]struct {
		key, version int16
		body         []byte
	}{
		"array of four billion":      {3, 12, append(slices.Clone(huge), 0, 0, 0)},
		"two billion, not flexible":  {3, 1, []byte{0x7f, 0xff, 0xff, 0xff}},
		"four billion tags":          {3, 12, metadataV12(huge...)},
		"tag longer than the rest":   {3, 12, metadataV12(1, 9, 200, 1, 0)},
		"tags out of order":          {3, 12, metadataV12(2, 9, 0, 8, 0)},
		"the same tag twice":         {3, 12, metadataV12(2, 9, 0, 9, 0)},
		"tag count within a tag":     {1, 15, fetchWithReplicaTags(huge)},
		"key without schema":         {7, 0, nil},
		"varint that never ends":     {3, 12, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80}},
		"null where none is allowed": {12, 0, []byte{0xff, 0xff, 0, 0, 0, 0, 0, 0}},
	} {
		if err := Check(c.key, c.version, c.body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// fetchWithReplicaTags is a Fetch v15 whose ReplicaState tag ends in tags.
func fetchWithReplicaTags(tags []byte) []byte {
	req := kmsg.NewPtrFetchRequest()
	req.Version = 15
	body := req.AppendTo(nil)
	value := append(make([]byte, 12), tags...)
	body = append(body[:len(body)-1], 1, 1, byte(len(value)))
	return append(body, value...)
}

// fill gives every field a random value; slices are short.
func fill(rnd *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).Type != reflect.TypeFor[kmsg.Tags]() {
				fill(rnd, f)
			} else if rnd.IntN(4) == 0 {
				f.Addr().Interface().(*kmsg.Tags).Set(1000, []byte("unknown"))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rnd.IntN(3), 3))
		for i := range v.Len() {
			fill(rnd, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(rnd, v.Index(i))
		}
	case reflect.Pointer:
		if rnd.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rnd, v.Elem())
		}
	case reflect.String:
		v.SetString("name"[:rnd.IntN(5)])
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(rnd.IntN(100)))
	case reflect.Uint8:
		v.SetUint(uint64(rnd.IntN(100)))
	}
}

// Invariants: Check never panics, and what it lets through the codec decodes
// without error.
func FuzzCheck(f *testing.F) {
	for key := range schemas {
		req := kmsg.RequestForKey(key)
		req.SetVersion(req.MaxVersion())
		f.Add(key, req.MaxVersion(), req.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		req := kmsg.RequestForKey(key)
		if req == nil || version < 0 || version > req.MaxVersion() || Check(key, version, body) != nil {
			return
		}
		req.SetVersion(version)
		if err := req.ReadFrom(body); err != nil {
			t.Fatalf("%s v%d passes but does not decode: %v", kmsg.NameForKey(key), version, err)
		}
	})
}
