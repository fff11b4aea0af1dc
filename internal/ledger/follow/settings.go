package follow

import (
	"context"
	"errors"
	"log/slog"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// Setting is the topic property that turns the ledger off for a topic.
	Setting = "evident.ledger"
	// IndexSetting is the one that turns the index off.
	IndexSetting = "evident.index"
	// Off is the value of both that does so.
	Off = "off"
	// LagSetting is the topic property that says how many bytes of a partition may
	// wait for the ledger.
	LagSetting = "evident.ledger.max.lag.bytes"
	// DefaultLag is what may where nothing is said.
	DefaultLag = 256 << 20

	// askedAgain is how many topics' settings are asked for again with each
	// refresh, those first whose answer is the oldest. All of many thousands
	// would cost more than following them.
	askedAgain = 200
	// askedAtOnce is how many topics one request asks for.
	askedAtOnce = 1000
)

// Provable tells by its name whether a topic's history is to be provable, if
// nobody has said otherwise: users' topics are, internal ones are not, but for
// those that tell what was declared and who did what.
func Provable(topic string) bool {
	return !strings.HasPrefix(topic, "__") || topic == "__evident_resources" || topic == "__evident_audit"
}

// settings is what is known of the topics' settings. It is used by the
// goroutine of Run.
type settings struct {
	client  *kgo.Client
	exclude []string // patterns
	// declared is Config.Declared, nil if nothing is.
	declared func(topic string) map[string]string
	logger   *slog.Logger
	off      map[topicID]bool  // of all topics whose settings are known
	noIndex  map[topicID]bool  // likewise
	lag      map[topicID]int64 // of those where it is not DefaultLag
	queue    []topicID         // the same topics as in off, the oldest answer first
}

// A topicID is Kafka's.
type topicID = [16]byte

// wanted tells whether a topic is one that is followed if its settings allow it.
func (s *settings) wanted(t *kmsg.MetadataResponseTopic) bool {
	if t.Topic == nil || t.ErrorCode != 0 || t.TopicID == (topicID{}) || !Provable(*t.Topic) {
		return false
	}
	_, said := s.said(*t.Topic, Setting)
	for _, pattern := range s.exclude {
		if said {
			break // which wins
		}
		if excluded, err := path.Match(pattern, *t.Topic); excluded && err == nil {
			return false
		}
	}
	return !t.IsInternal || strings.HasPrefix(*t.Topic, "__evident_")
}

// learn asks for the settings of topics that are new, and for some of the others
// again. Topics whose settings it could not learn are left unknown.
func (s *settings) learn(ctx context.Context, topics []kmsg.MetadataResponseTopic) error {
	there := make(map[topicID]string, len(topics))
	var ask []topicID
	for i := range topics {
		if t := &topics[i]; s.wanted(t) {
			there[t.TopicID] = *t.Topic
			if _, known := s.off[t.TopicID]; !known {
				ask = append(ask, t.TopicID)
			}
		}
	}
	for _, id := range s.oldest() {
		if _, still := there[id]; still {
			ask = append(ask, id)
			s.queue = append(s.queue, id)
		} else {
			delete(s.off, id)
			delete(s.noIndex, id)
			delete(s.lag, id)
		}
	}
	for len(ask) > 0 {
		n := min(len(ask), askedAtOnce)
		if err := s.ask(ctx, ask[:n], there); err != nil {
			return err
		}
		ask = ask[n:]
	}
	return nil
}

// oldest takes the topics out of the queue that are to be asked for again.
func (s *settings) oldest() []topicID {
	n := min(len(s.queue), askedAgain)
	ids := slices.Clone(s.queue[:n])
	s.queue = slices.Delete(s.queue, 0, n)
	return ids
}

// ask asks for the settings of topics. A cluster that does not know the setting
// answers without it.
func (s *settings) ask(ctx context.Context, ids []topicID, names map[topicID]string) error {
	req := kmsg.NewPtrDescribeConfigsRequest()
	byName := make(map[string]topicID, len(ids))
	for _, id := range ids {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, names[id]
		r.ConfigNames = []string{Setting, IndexSetting, LagSetting}
		req.Resources = append(req.Resources, r)
		byName[names[id]] = id
	}
	var errs []error
	for _, shard := range s.client.RequestSharded(ctx, req) {
		if shard.Err != nil {
			errs = append(errs, shard.Err)
			continue
		}
		for i := range shard.Resp.(*kmsg.DescribeConfigsResponse).Resources {
			r := &shard.Resp.(*kmsg.DescribeConfigsResponse).Resources[i]
			if id, ok := byName[r.ResourceName]; ok {
				s.note(id, r)
			}
		}
	}
	return errors.Join(errs...)
}

// note remembers the answer for a topic. Who may not see a topic's settings goes
// on as if they said nothing: one topic must not keep all others from being
// followed.
func (s *settings) note(id topicID, r *kmsg.DescribeConfigsResponseResource) {
	before, known := s.off[id]
	err := kerr.ErrorForCode(r.ErrorCode)
	off := before
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return // it is going
	case err != nil && !known:
		s.logger.Warn("the ledger cannot see a topic's settings, and takes it that they do not turn it off", "topic", r.ResourceName, "error", err)
	case err == nil:
		off = valueOf(r, Setting) == Off
		s.noIndex[id] = valueOf(r, IndexSetting) == Off
		delete(s.lag, id)
		if n, err := strconv.ParseInt(valueOf(r, LagSetting), 10, 64); err == nil && n != DefaultLag {
			s.lag[id] = n
		}
	}
	s.off[id] = off
	if !known {
		s.queue = append(s.queue, id)
	}
}

// valueOf is the value of a setting, empty if there is none.
func valueOf(r *kmsg.DescribeConfigsResponseResource, setting string) string {
	for _, c := range r.Configs {
		if c.Name == setting && c.Value != nil {
			return *c.Value
		}
	}
	return ""
}
