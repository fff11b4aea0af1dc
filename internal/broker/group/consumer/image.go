package consumer

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
)

// errVersion means that a value was written by a later Kafka or Evident.
var errVersion = errors.New("unknown version")

// IsKey reports whether keys of __consumer_offsets with this version belong to
// consumer groups.
func IsKey(version int16) bool {
	return kindGroup <= version && version <= kindCurrent || version == kindRegex
}

// Image is what the records of one group say, read from first to last. The
// zero value is that of no group.
type Image struct {
	epoch        *groupValue
	targetEpoch  *int32
	legacyTopics bool
	members      map[string]*said
	targets      map[string][]Partition
	current      map[string]*progress
	regexes      map[string][]string
}

type groupValue struct {
	epoch int32
	hash  int64
}

// Empty reports whether there is nothing of the group.
func (im *Image) Empty() bool {
	return im.epoch == nil && im.targetEpoch == nil && !im.legacyTopics &&
		len(im.members)+len(im.targets)+len(im.current)+len(im.regexes) == 0
}

// Whole reports whether the image has the record that each group has.
func (im *Image) Whole() bool { return im.epoch != nil }

// KeyGroup returns the group that a key of which [IsKey] holds belongs to.
func KeyGroup(key []byte) (string, error) {
	b := kbin.Reader{Src: key}
	b.Int16()
	group := b.String()
	return group, b.Complete()
}

// Apply takes a record in. Nothing of it is kept.
func (im *Image) Apply(key, value []byte) error {
	k := kbin.Reader{Src: key}
	kind := k.Int16()
	_ = k.String() // group
	var id string
	if kind == kindMember || kind == kindTarget || kind == kindCurrent || kind == kindRegex {
		id = k.String()
	}
	if err := k.Complete(); err != nil {
		return fmt.Errorf("key of kind %d: %w", kind, err)
	}
	v := kbin.Reader{Src: value}
	if value != nil {
		if version := v.Int16(); version != valueVersion {
			return fmt.Errorf("value of kind %d: %w %d, the highest known is %d", kind, errVersion, version, valueVersion)
		}
	}
	err := im.set(kind, id, &v, value == nil)
	if err == nil && value != nil {
		err = v.Complete()
	}
	if err != nil {
		return fmt.Errorf("value of kind %d: %w", kind, err)
	}
	return nil
}

func (im *Image) set(kind int16, id string, v *kbin.Reader, gone bool) error {
	switch kind {
	case kindGroup:
		im.epoch = unless(gone, v, readGroup)
	case kindLegacyTopics:
		im.legacyTopics = !gone
		v.Src = nil // what it says is not needed
	case kindTargetEpoch:
		im.targetEpoch = unless(gone, v, readTargetEpoch)
	case kindMember:
		return put(&im.members, id, gone, v, readMember)
	case kindTarget:
		return put(&im.targets, id, gone, v, readTarget)
	case kindCurrent:
		return put(&im.current, id, gone, v, readCurrent)
	case kindRegex:
		return put(&im.regexes, id, gone, v, readRegex)
	}
	return nil
}

func unless[T any](gone bool, v *kbin.Reader, read func(*kbin.Reader) T) *T {
	if gone {
		return nil
	}
	t := read(v)
	return &t
}

func put[T any](m *map[string]T, id string, gone bool, v *kbin.Reader, read func(*kbin.Reader) (T, error)) error {
	if gone {
		delete(*m, id)
		return nil
	}
	t, err := read(v)
	if err != nil {
		return err
	}
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[id] = t
	return nil
}
