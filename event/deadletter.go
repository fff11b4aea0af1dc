package event

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Headers of dead letters: those of KIP-1191, under which brokers write what consumers
// of share groups gave up, and three of the same kind beside them.
const (
	headerDead           = "__dlq.errors."
	headerDeadTopic      = headerDead + "topic"
	headerDeadPartition  = headerDead + "partition"
	headerDeadOffset     = headerDead + "offset"
	headerDeadGroup      = headerDead + "group"
	headerDeadDeliveries = headerDead + "delivery.count"
	headerDeadMessage    = headerDead + "message"
	headerDeadStack      = headerDead + "stacktrace"
	headerDeadTime       = headerDead + "timestamp"
)

// MaxDeadLetterText is how much of a reason, or of a stack, a dead letter says, in
// bytes.
const MaxDeadLetterText = 8 << 10

// A DeadLetter says where a record comes from that was given up, and why. A letter is
// the record as it was, key, value and headers, with headers for this besides: an event
// is still the same event.
type DeadLetter struct {
	Topic     string // where the record was
	Partition int32
	Offset    int64
	Group     string // who gave it up: a consumer group, or a processor's
	Attempts  int    // how often it was tried; 0 if it could not even be read
	Reason    string
	Stack     string    // where the code panicked; empty if it did not
	Time      time.Time // when it was given up, to the millisecond; zero if that is not known
}

// Headers returns the record's headers with those of the dead letter behind them,
// instead of any that an earlier one left. A longer reason or stack than
// [MaxDeadLetterText] is cut. The slice is a new one.
func (d *DeadLetter) Headers(of []Header) []Header {
	headers := make([]Header, 0, len(of)+8)
	for _, h := range of {
		if !strings.HasPrefix(h.Key, headerDead) {
			headers = append(headers, h)
		}
	}
	add := func(key, value string) { headers = append(headers, Header{key, []byte(value)}) }
	add(headerDeadTopic, d.Topic)
	add(headerDeadPartition, strconv.Itoa(int(d.Partition)))
	add(headerDeadOffset, strconv.FormatInt(d.Offset, 10))
	add(headerDeadGroup, d.Group)
	add(headerDeadDeliveries, strconv.Itoa(d.Attempts))
	add(headerDeadMessage, clipTo(d.Reason, MaxDeadLetterText))
	if d.Stack != "" {
		add(headerDeadStack, clipTo(d.Stack, MaxDeadLetterText))
	}
	if !d.Time.IsZero() {
		add(headerDeadTime, strconv.FormatInt(d.Time.UnixMilli(), 10))
	}
	return slices.Clip(headers)
}

// DeadLetterOf reads what the headers of a record say of why it was given up; false if
// it is no dead letter. A number that is none is 0; of headers that repeat the last one
// counts.
func DeadLetterOf(headers []Header) (DeadLetter, bool) {
	var d DeadLetter
	found := false
	for _, h := range headers {
		if strings.HasPrefix(h.Key, headerDead) {
			found = d.set(h.Key, string(h.Value)) || found
		}
	}
	return d, found
}

// set takes one header, and tells whether it names the origin, without which there is
// no dead letter.
func (d *DeadLetter) set(key, value string) bool {
	switch key {
	case headerDeadTopic:
		d.Topic = value
		return value != ""
	case headerDeadPartition:
		d.Partition = int32(numberOf(value, 32))
	case headerDeadOffset:
		d.Offset = numberOf(value, 64)
	case headerDeadGroup:
		d.Group = value
	case headerDeadDeliveries:
		d.Attempts = int(numberOf(value, 32))
	case headerDeadMessage:
		d.Reason = value
	case headerDeadStack:
		d.Stack = value
	case headerDeadTime:
		if ms := numberOf(value, 64); ms != 0 {
			d.Time = time.UnixMilli(ms)
		}
	}
	return false
}

func numberOf(s string, bits int) int64 {
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return 0
	}
	return n
}
