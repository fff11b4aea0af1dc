package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// deleteTopicIDs is the first version that names topics by id too.
const deleteTopicIDs = 6

func (b *Broker) deleteTopics(_ context.Context, _ *call, req *kmsg.DeleteTopicsRequest) kmsg.Response {
	resp := reply[*kmsg.DeleteTopicsResponse](req)
	if req.Version < deleteTopicIDs {
		for _, name := range req.TopicNames {
			rt := kmsg.NewDeleteTopicsRequestTopic()
			rt.Topic = &name
			req.Topics = append(req.Topics, rt)
		}
	}
	var doomed []*metadata.Topic
	var places []int // of doomed, in the response
	topics := b.store.Snapshot()
	seen := make(map[metadata.ID]bool)
	for i := range req.Topics {
		rt := &req.Topics[i]
		t, err := findDoomed(topics, rt)
		st := kmsg.NewDeleteTopicsResponseTopic()
		st.Topic, st.TopicID = rt.Topic, rt.TopicID
		switch {
		case err != nil:
			st.ErrorCode, st.ErrorMessage = messageOf(err)
		case seen[t.ID]:
			st.ErrorCode, st.ErrorMessage = messageOf(refuse(kerr.InvalidRequest, "topic %s is named more than once", t.Name))
		default:
			seen[t.ID] = true
			st.Topic, st.TopicID = &t.Name, t.ID
			doomed, places = append(doomed, t), append(places, len(resp.Topics))
		}
		resp.Topics = append(resp.Topics, st)
	}
	for i, err := range b.store.Delete(doomed) {
		st := &resp.Topics[places[i]]
		if st.ErrorCode, st.ErrorMessage = messageOf(err); err == nil {
			b.groups.TopicDeleted(doomed[i].Name, doomed[i].ID)
		}
	}
	return resp
}

func findDoomed(topics *metadata.Snapshot, rt *kmsg.DeleteTopicsRequestTopic) (*metadata.Topic, error) {
	id := metadata.ID(rt.TopicID)
	var t *metadata.Topic
	switch {
	case (rt.Topic == nil) == (id == metadata.ID{}):
		return nil, refuse(kerr.InvalidRequest, "a topic must be named either by name or by id")
	case rt.Topic == nil:
		if t = topics.TopicByID(id); t == nil {
			return nil, refuse(kerr.UnknownTopicID, "there is no topic with id %v", id)
		}
	default:
		if t = topics.Topic(*rt.Topic); t == nil {
			return nil, refuse(kerr.UnknownTopicOrPartition, "there is no topic %q", *rt.Topic)
		}
	}
	if t.Internal() {
		return nil, refuse(kerr.InvalidTopicException, "topic %s is internal, clients cannot delete it", t.Name)
	}
	return t, nil
}
