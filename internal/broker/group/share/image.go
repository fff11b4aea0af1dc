package share

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// errVersion means that a value was written by a later Kafka or Evident.
var errVersion = errors.New("unknown version")

// IsKey reports whether keys of __consumer_offsets with this version belong to
// share groups.
func IsKey(version int16) bool { return kindMember <= version && version <= kindBegun }

// Image is what the records of one group say, read from first to last. The
// zero value is that of no group.
type Image struct {
	epoch       *int32
	hash        int64
	targetEpoch *int32
	members     map[string]*member // as said, without target and progress
	targets     map[string]holding
	current     map[string]progress
	begun       map[TopicID]begun
}

type progress struct {
	epoch, previous int32
	assigned        holding
}

// Empty reports whether there is nothing of the group.
func (im *Image) Empty() bool {
	return im.epoch == nil && im.targetEpoch == nil && len(im.members)+len(im.targets)+len(im.current)+len(im.begun) == 0
}

// Apply takes a record in. Nothing of it is kept.
func (im *Image) Apply(key, value []byte) error {
	k := kbin.Reader{Src: key}
	kind := k.Int16()
	_ = k.String() // group
	var id string
	if kind == kindMember || kind == kindTarget || kind == kindCurrent {
		id = k.String()
	}
	if err := k.Complete(); err != nil {
		return fmt.Errorf("key of kind %d: %w", kind, err)
	}
	v := kbin.Reader{Src: value}
	if value == nil {
		im.remove(kind, id)
		return nil
	}
	if version := v.Int16(); v.Ok() && version != valueVersion {
		return fmt.Errorf("value of kind %d: %w %d, the highest known is %d", kind, errVersion, version, valueVersion)
	}
	im.set(kind, id, &v)
	if err := v.Complete(); err != nil {
		return fmt.Errorf("value of kind %d: %w", kind, err)
	}
	return nil
}

func (im *Image) remove(kind int16, id string) {
	switch kind {
	case kindGroup:
		im.epoch = nil
	case kindTargetEpoch:
		im.targetEpoch = nil
	case kindMember:
		delete(im.members, id)
	case kindTarget:
		delete(im.targets, id)
	case kindCurrent:
		delete(im.current, id)
	case kindBegun:
		im.begun = nil
	}
}

func (im *Image) set(kind int16, id string, v *kbin.Reader) {
	switch kind {
	case kindGroup:
		im.epoch, im.hash = read32(v), v.Int64()
	case kindTargetEpoch:
		im.targetEpoch = read32(v)
	case kindMember:
		put(&im.members, id, readMember(v, id))
	case kindTarget:
		put(&im.targets, id, readHolding(v))
	case kindCurrent:
		p := progress{epoch: v.Int32(), previous: v.Int32()}
		v.Int8() // state: there is only one
		p.assigned = readHolding(v)
		put(&im.current, id, p)
	case kindBegun:
		im.begun = readBegun(v)
	}
	skipTags(v)
}

func put[T any](m *map[string]T, id string, t T) {
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[id] = t
}

func read32(b *kbin.Reader) *int32 {
	n := b.Int32()
	return &n
}

func readMember(b *kbin.Reader, id string) *member {
	m := &member{id: id}
	if rack := b.CompactNullableString(); rack != nil {
		m.rackID = *rack
	}
	m.client = consumer.Client{ID: b.CompactString(), Host: b.CompactString()}
	names := []string{}
	for range b.CompactArrayLen() {
		if !b.Ok() {
			break
		}
		names = append(names, b.CompactString())
	}
	m.wants = normalized(names)
	return m
}

func readHolding(b *kbin.Reader) holding {
	h := holding{}
	for range b.CompactArrayLen() {
		if !b.Ok() {
			break
		}
		id := b.Uuid()
		h[id] = readInts(b)
		skipTags(b)
	}
	return h
}

func readBegun(b *kbin.Reader) map[TopicID]begun {
	all := map[TopicID]begun{}
	for range 2 { // what was being initialized is begun with again
		for range b.CompactArrayLen() {
			if !b.Ok() {
				break
			}
			id, name, partitions := b.Uuid(), b.CompactString(), readInts(b)
			all[id] = begun{name, int32(len(partitions))}
			skipTags(b)
		}
	}
	for range b.CompactArrayLen() { // being deleted
		if !b.Ok() {
			break
		}
		b.Uuid()
		b.CompactString()
		skipTags(b)
	}
	return all
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

func skipTags(b *kbin.Reader) {
	for range b.Uvarint() {
		b.Uvarint()
		b.Span(int(b.Uvarint()))
		if !b.Ok() {
			return
		}
	}
}

// Restore returns the group of which the log holds im. Sessions begin anew.
func Restore(cfg *Config, id string, env Env, im *Image) *Group {
	g := New(cfg, id)
	g.begin(env)
	if im.epoch != nil {
		g.epoch, g.hash = *im.epoch, im.hash
	}
	if im.targetEpoch != nil {
		g.targetEpoch = *im.targetEpoch
	}
	for topic, b := range im.begun {
		g.begun[topic] = b
	}
	for id, m := range im.members {
		own := *m
		p := im.current[id]
		own.target, own.epoch, own.previous, own.assigned = im.targets[id], p.epoch, p.previous, p.assigned
		g.members[id] = &own
		g.stale = g.stale || own.target == nil
		g.epoch, g.targetEpoch = max(g.epoch, own.epoch), max(g.targetEpoch, own.epoch)
		g.hear(&own)
	}
	g.end() // there is nothing to write
	return g
}
