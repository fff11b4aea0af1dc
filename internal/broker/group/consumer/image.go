package consumer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

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

func readGroup(b *kbin.Reader) groupValue {
	v := groupValue{epoch: b.Int32()}
	eachTag(b, func(tag uint32, t *kbin.Reader) {
		if tag == 0 {
			v.hash = t.Int64()
		}
	})
	return v
}

func readTargetEpoch(b *kbin.Reader) int32 {
	epoch := b.Int32()
	skipTags(b)
	return epoch
}

func readMember(b *kbin.Reader) (*said, error) {
	var v said
	v.instanceID, v.rackID = orEmpty(b.CompactNullableString()), orEmpty(b.CompactNullableString())
	v.client = Client{ID: b.CompactString(), Host: b.CompactString()}
	v.names = normalized(readStrings(b))
	v.regex = orEmpty(b.CompactNullableString())
	v.rebalance = millis(b.Int32())
	v.assignor = orEmpty(b.CompactNullableString())
	eachTag(b, func(tag uint32, t *kbin.Reader) {
		if tag == 0 {
			v.classic = readClassic(t)
		}
	})
	return &v, nil
}

func readClassic(b *kbin.Reader) *Classic {
	if b.Uvarint() == 0 {
		return nil
	}
	c := &Classic{SessionTimeout: millis(b.Int32())}
	for range b.CompactArrayLen() {
		if !b.Ok() {
			break
		}
		c.Protocols = append(c.Protocols, Protocol{b.CompactString(), bytes.Clone(b.CompactBytes())})
		skipTags(b)
	}
	skipTags(b)
	return c
}

func readTarget(b *kbin.Reader) ([]Partition, error) {
	target := []Partition{}
	readTopics(b, func(p Partition, _ int32) { target = append(target, p) })
	skipTags(b)
	slices.SortFunc(target, Partition.Compare)
	return slices.Compact(target), nil
}

func readCurrent(b *kbin.Reader) (*progress, error) {
	p := &progress{epoch: b.Int32(), previous: b.Int32(), state: memberState(b.Int8())}
	p.assigned, p.revoking = readHeld(b, p.epoch), readHeld(b, p.epoch)
	skipTags(b)
	if b.Ok() && (p.state < stable || p.state > unreleased) {
		return nil, fmt.Errorf("%w of a member's state: %d, the highest known is %d", errVersion, p.state, unreleased)
	}
	return p, nil
}

// readHeld reads partitions; where the record does not say since when they are
// held (before Kafka 4.3), it is the given epoch.
func readHeld(b *kbin.Reader, epoch int32) held {
	h := held{}
	readTopics(b, func(p Partition, since int32) {
		if since < 0 {
			since = epoch
		}
		h[p] = since
	})
	return h
}

func readRegex(b *kbin.Reader) ([]string, error) {
	topics := readStrings(b)
	b.Int64() // version: of another process's topics
	b.Int64() // time
	skipTags(b)
	return topics, nil
}

func readStrings(b *kbin.Reader) []string {
	var ss []string
	for range b.CompactArrayLen() {
		if !b.Ok() {
			break
		}
		ss = append(ss, b.CompactString())
	}
	return ss
}

// readTopics reads partitions by topic, with their epochs if there are any, or -1.
func readTopics(b *kbin.Reader, each func(Partition, int32)) {
	for range b.CompactArrayLen() {
		if !b.Ok() {
			return
		}
		topic := b.Uuid()
		ns := readInts(b)
		var epochs []int32
		eachTag(b, func(tag uint32, t *kbin.Reader) {
			if tag == 0 {
				epochs = readInts(t)
			}
		})
		for i, n := range ns {
			epoch := int32(-1)
			if i < len(epochs) {
				epoch = epochs[i]
			}
			each(Partition{Topic: topic, Number: n}, epoch)
		}
	}
}

func readInts(b *kbin.Reader) []int32 {
	var ns []int32
	for range b.CompactArrayLen() {
		if !b.Ok() {
			return nil
		}
		ns = append(ns, b.Int32())
	}
	return ns
}

// eachTag reads the tags that end a struct.
func eachTag(b *kbin.Reader, each func(tag uint32, value *kbin.Reader)) {
	for range b.Uvarint() {
		tag, size := b.Uvarint(), b.Uvarint()
		value := kbin.Reader{Src: b.Span(int(size))}
		if !b.Ok() {
			return
		}
		if each(tag, &value); !value.Ok() {
			b.Span(-1) // makes b bad too
			return
		}
	}
}

func skipTags(b *kbin.Reader) { eachTag(b, func(uint32, *kbin.Reader) {}) }

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
