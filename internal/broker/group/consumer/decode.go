package consumer

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kbin"
)

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
