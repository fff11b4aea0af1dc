package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

const (
	deleteTopicIDs    = 6 // first version that names topics by id too
	deleteTopicStrict = 5 // first version with THROTTLING_QUOTA_EXCEEDED (KIP-599)
)

// deleteTopics deletes topics. As in Kafka one that is named more than once, be it
// by name and by id, is not deleted, and has one answer.
func (b *Broker) deleteTopics(_ context.Context, c *call, req *kmsg.DeleteTopicsRequest) kmsg.Response {
	resp := reply[*kmsg.DeleteTopicsResponse](req)
	if req.Version < deleteTopicIDs {
		for _, name := range req.TopicNames {
			rt := kmsg.NewDeleteTopicsRequestTopic()
			rt.Topic = &name
			req.Topics = append(req.Topics, rt)
		}
	}
	r := removals{places: make(map[any]int)}
	topics := b.store.Snapshot()
	for i := range req.Topics {
		r.add(topics, &req.Topics[i])
	}
	var doomed []*metadata.Topic
	var places []int // of doomed, in the response
	mutations := c.mutations(deleteTopicStrict)
	for i, t := range r.topics {
		if t == nil {
			continue
		}
		if err := mutations.take(len(t.Partitions)); err != nil {
			r.answers[i].ErrorCode, r.answers[i].ErrorMessage = messageOf(err)
			continue
		}
		doomed, places = append(doomed, t), append(places, i)
	}
	for i, err := range b.store.Delete(doomed) {
		st := &r.answers[places[i]]
		if st.ErrorCode, st.ErrorMessage = messageOf(err); err == nil {
			b.groups.TopicDeleted(doomed[i].Name, doomed[i].ID)
			b.queues.TopicDeleted(doomed[i].ID)
		}
	}
	resp.Topics, resp.ThrottleMillis = r.answers, mutations.mute()
	return resp
}

// removals are the answers to a request, each with the topic to delete, or nil if
// that is refused.
type removals struct {
	answers []kmsg.DeleteTopicsResponseTopic
	topics  []*metadata.Topic
	places  map[any]int // of answers, by topic, or by name or id of one that is not there
}

func (r *removals) add(topics *metadata.Snapshot, rt *kmsg.DeleteTopicsRequestTopic) {
	st := kmsg.NewDeleteTopicsResponseTopic()
	st.Topic, st.TopicID = rt.Topic, rt.TopicID
	if (rt.Topic == nil) == (rt.TopicID == [16]byte{}) {
		r.answer(st, nil, refuse(kerr.InvalidRequest, "a topic must be named either by name or by id"))
		return
	}
	t, key, err := findDoomed(topics, rt)
	if i, again := r.places[key]; again {
		r.topics[i] = nil
		r.answers[i].ErrorCode, r.answers[i].ErrorMessage = messageOf(refuse(kerr.InvalidRequest, "the topic is named more than once"))
		r.answers[i].Topic, r.answers[i].TopicID = rt.Topic, rt.TopicID
		return
	}
	r.places[key] = len(r.answers)
	if t != nil {
		st.Topic, st.TopicID = &t.Name, t.ID
	}
	r.answer(st, t, err)
}

func (r *removals) answer(st kmsg.DeleteTopicsResponseTopic, t *metadata.Topic, err error) {
	if st.ErrorCode, st.ErrorMessage = messageOf(err); err != nil {
		t = nil
	}
	r.answers, r.topics = append(r.answers, st), append(r.topics, t)
}

// findDoomed finds the topic that the request names, what tells it from others
// named there, and why it cannot be deleted.
func findDoomed(topics *metadata.Snapshot, rt *kmsg.DeleteTopicsRequestTopic) (t *metadata.Topic, key any, err error) {
	if rt.Topic == nil {
		id := metadata.ID(rt.TopicID)
		t, key, err = topics.TopicByID(id), id, refuse(kerr.UnknownTopicID, "there is no topic with id %v", id)
	} else {
		t, key, err = topics.Topic(*rt.Topic), *rt.Topic, refuse(kerr.UnknownTopicOrPartition, "there is no topic %q", *rt.Topic)
	}
	switch {
	case t == nil:
		return nil, key, err
	case t.Internal():
		return t, t, refuse(kerr.InvalidTopicException, "topic %s is internal, clients cannot delete it", t.Name)
	}
	return t, t, nil
}
