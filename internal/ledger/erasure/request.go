package erasure

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/proof"
)

// ErrBadRequest says that a request cannot be understood.
var ErrBadRequest = errors.New("bad request")

// A Request says what is to be erased: Records, or what Topic has with Key, or from
// before Before.
type Request struct {
	// Records are named TOPIC/PARTITION@OFFSET, or TOPIC/PARTITION@FIRST-LAST.
	Records []string `json:"records,omitempty"`
	Topic   string   `json:"topic,omitempty"`
	// Key is that of the records of Topic that are meant, in bytes.
	Key []byte `json:"key_base64,omitzero"`
	// Before means the records of Topic with an earlier timestamp.
	Before *time.Time `json:"before,omitempty"`
	// DryRun has nothing erased.
	DryRun bool `json:"dry_run,omitempty"`
}

// Validate says what is wrong with a request. The error is ErrBadRequest.
func (r *Request) Validate() error {
	switch {
	case len(r.Records) > 0 && (r.Topic != "" || r.Key != nil || r.Before != nil):
		return fmt.Errorf("%w: it names records, and a topic, key or time besides: ask for one after the other", ErrBadRequest)
	case len(r.Records) > 0:
		for _, s := range r.Records {
			named, err := ParseRecords(s)
			if err == nil {
				err = checkTopic(named.Topic)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case r.Topic == "":
		return fmt.Errorf("%w: it names no records and no topic", ErrBadRequest)
	case (r.Key == nil) == (r.Before == nil):
		return fmt.Errorf("%w: of a topic, either a key or a time must be given", ErrBadRequest)
	}
	return checkTopic(r.Topic)
}

// checkTopic refuses topics that the cluster itself lives on.
func checkTopic(name string) error {
	if strings.HasPrefix(name, "__") {
		return fmt.Errorf("%w: %s is an internal topic, and nothing is erased from those", ErrBadRequest, name)
	}
	return nil
}

// Records are offsets of a partition.
type Records struct {
	Topic     string
	Partition int32
	Offsets   proof.Range
}

// ParseRecords reads TOPIC/PARTITION@OFFSET or TOPIC/PARTITION@FIRST-LAST.
func ParseRecords(s string) (Records, error) {
	bad := fmt.Errorf("%w: %q names no records: write TOPIC/PARTITION@OFFSET or TOPIC/PARTITION@FIRST-LAST, as in orders/3@1042", ErrBadRequest, s)
	place, offsets, ok := strings.Cut(s, "@")
	slash := strings.LastIndex(place, "/")
	if !ok || slash <= 0 {
		return Records{}, bad
	}
	partition, err := strconv.ParseInt(place[slash+1:], 10, 32)
	if err != nil || partition < 0 {
		return Records{}, bad
	}
	first, last, isRange := strings.Cut(offsets, "-")
	r := Records{Topic: place[:slash], Partition: int32(partition)}
	if r.Offsets.First, err = strconv.ParseInt(first, 10, 64); err != nil || r.Offsets.First < 0 {
		return Records{}, bad
	}
	r.Offsets.Last = r.Offsets.First
	if isRange {
		if r.Offsets.Last, err = strconv.ParseInt(last, 10, 64); err != nil || r.Offsets.Last < r.Offsets.First {
			return Records{}, bad
		}
	}
	return r, nil
}
