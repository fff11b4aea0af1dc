package broker

import (
	"context"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

func (b *Broker) describeConfigs(_ context.Context, _ *call, req *kmsg.DescribeConfigsRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeConfigsResponse](req)
	for i := range req.Resources {
		rr := &req.Resources[i]
		sr := kmsg.NewDescribeConfigsResponseResource()
		sr.ResourceType, sr.ResourceName = rr.ResourceType, rr.ResourceName
		entries, err := b.describeResource(rr)
		sr.ErrorCode, sr.ErrorMessage = messageOf(err)
		readOnly := rr.ResourceType == kmsg.ConfigResourceTypeBroker
		for j := range entries {
			if rr.ConfigNames == nil || slices.Contains(rr.ConfigNames, entries[j].Name) {
				sr.Configs = append(sr.Configs, describeConfig(&entries[j], readOnly, req))
			}
		}
		resp.Resources = append(resp.Resources, sr)
	}
	return resp
}

func (b *Broker) describeResource(rr *kmsg.DescribeConfigsRequestResource) ([]topicconfig.Entry, error) {
	switch rr.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		t := b.store.Snapshot().Topic(rr.ResourceName)
		if t == nil && metadata.CheckName(rr.ResourceName) != nil {
			return nil, refuse(kerr.InvalidTopicException, "%q cannot be the name of a topic", rr.ResourceName)
		}
		if t == nil {
			return nil, refuse(kerr.UnknownTopicOrPartition, "there is no topic %q", rr.ResourceName)
		}
		return topicconfig.Describe(t.Configs, b.cfg.TopicDefaults), nil
	case kmsg.ConfigResourceTypeBroker:
		if rr.ResourceName == "" { // the dynamic defaults for all brokers: there are none
			return nil, nil
		}
		if err := b.checkBrokerName(rr.ResourceName); err != nil {
			return nil, err
		}
		return b.brokerConfigs(), nil
	case kmsg.ConfigResourceTypeGroupConfig:
		return b.describeGroupConfigs(rr.ResourceName)
	}
	return nil, unsupportedResource(rr.ResourceType)
}

func (b *Broker) checkBrokerName(name string) error {
	if id, err := strconv.ParseInt(name, 10, 32); err != nil || int32(id) != b.cfg.NodeID {
		return refuse(kerr.InvalidRequest, "broker is %q, must be %d, the only one", name, b.cfg.NodeID)
	}
	return nil
}

func unsupportedResource(t kmsg.ConfigResourceType) error {
	return refuse(kerr.InvalidRequest, "configs of resource type %d are not kept, only those of topics (2), brokers (4) and groups (32)", t)
}

func describeConfig(e *topicconfig.Entry, readOnly bool, req *kmsg.DescribeConfigsRequest) kmsg.DescribeConfigsResponseResourceConfig {
	sc := kmsg.NewDescribeConfigsResponseResourceConfig()
	sc.Name, sc.Value, sc.ReadOnly = e.Name, &e.Value, readOnly
	sc.Source, sc.ConfigType = e.Source, e.Type
	sc.IsDefault = e.Source == kmsg.ConfigSourceDefaultConfig
	if req.IncludeDocumentation {
		sc.Documentation = &e.Doc
	}
	if req.IncludeSynonyms {
		for i := range e.Synonyms {
			ss := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			ss.Name, ss.Value, ss.Source = e.Synonyms[i].Name, &e.Synonyms[i].Value, e.Synonyms[i].Source
			sc.ConfigSynonyms = append(sc.ConfigSynonyms, ss)
		}
	}
	return sc
}
