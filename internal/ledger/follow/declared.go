package follow

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// said is what is declared as a setting of a topic, if it is.
func (s *settings) said(topic, setting string) (value string, said bool) {
	if s.declared == nil {
		return "", false
	}
	value, said = s.declared(topic)[setting]
	return value, said
}

// isOff tells whether the ledger is turned off for a topic, if that is known: what is
// declared wins over the topic's own settings.
func (s *settings) isOff(t *kmsg.MetadataResponseTopic) (off, known bool) {
	if value, said := s.said(*t.Topic, Setting); said {
		return value == Off, true
	}
	off, known = s.off[t.TopicID]
	return off, known
}

// unindexed tells whether the index is turned off for a topic.
func (s *settings) unindexed(topic string, id topicID) bool {
	if value, said := s.said(topic, IndexSetting); said {
		return value == Off
	}
	return s.noIndex[id]
}

// overlay puts what is declared of a topic over what its own settings say.
func (s *settings) overlay(topic string, id topicID, lags map[topicID]int64, noIndex map[topicID]bool) {
	if value, said := s.said(topic, LagSetting); said {
		if n, err := strconv.ParseInt(value, 10, 64); err == nil { // as the kind has checked
			lags[id] = n
		}
	}
	if value, said := s.said(topic, IndexSetting); said {
		noIndex[id] = value == Off
	}
}
