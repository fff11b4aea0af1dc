package follow

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What is declared wins over the patterns of the configuration and over what the
// topic says itself; where nothing is, they hold.
func TestWhatIsDeclaredOfATopicWins(t *testing.T) {
	declared := map[string]map[string]string{
		"on":  {Setting: "on", IndexSetting: Off, LagSetting: "4194304"},
		"off": {Setting: Off},
		"own": {IndexSetting: "on"},
	}
	id := func(name string) topicID { return topicID([]byte(name + "                ")[:16]) }
	s := settings{
		exclude: []string{"o*", "x*"}, declared: func(topic string) map[string]string { return declared[topic] },
		off:     map[topicID]bool{id("on"): true, id("off"): false, id("own"): false, id("plain"): true, id("xyz"): false},
		noIndex: map[topicID]bool{id("own"): true, id("plain"): true},
	}
	for _, test := range []struct {
		topic             string
		wanted, off, bare bool
	}{
		{"on", true, false, true},
		{"off", true, true, false},
		{"own", false, false, false},
		{"plain", true, true, true},
		{"xyz", false, false, false},
	} {
		topic := &kmsg.MetadataResponseTopic{Topic: &test.topic, TopicID: id(test.topic)}
		off, known := s.isOff(topic)
		if wanted, bare := s.wanted(topic), s.unindexed(test.topic, topic.TopicID); wanted != test.wanted || off != test.off || !known || bare != test.bare {
			t.Errorf("%s: wanted %v, off %v (known %v), without an index %v", test.topic, wanted, off, known, bare)
		}
	}
	if _, known := s.isOff(&kmsg.MetadataResponseTopic{Topic: kmsg.StringPtr("new"), TopicID: id("new")}); known {
		t.Error("of a new topic somebody knows")
	}
	lags, bare := map[topicID]int64{}, map[topicID]bool{id("own"): true}
	for topic := range declared {
		s.overlay(topic, id(topic), lags, bare)
	}
	if len(lags) != 1 || lags[id("on")] != 4194304 || !bare[id("on")] || bare[id("own")] {
		t.Errorf("lags %v, without an index %v", lags, bare)
	}
}
