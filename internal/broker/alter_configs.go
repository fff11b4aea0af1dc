package broker

import (
	"context"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
)

// alterConfigs replaces all of a topic's or a group's own properties.
func (b *Broker) alterConfigs(_ context.Context, _ *call, req *kmsg.AlterConfigsRequest) kmsg.Response {
	resp := reply[*kmsg.AlterConfigsResponse](req)
	named := make(map[resource]int, len(req.Resources))
	for i := range req.Resources {
		named[resource{req.Resources[i].ResourceType, req.Resources[i].ResourceName}]++
	}
	for i := range req.Resources {
		rr := &req.Resources[i]
		r := resource{rr.ResourceType, rr.ResourceName}
		sr := kmsg.NewAlterConfigsResponseResource()
		sr.ResourceType, sr.ResourceName = rr.ResourceType, rr.ResourceName
		sr.ErrorCode, sr.ErrorMessage = messageOf(b.alter(r, named[r], req.ValidateOnly, func(map[string]string) (map[string]string, error) {
			return replacement(rr)
		}))
		resp.Resources = append(resp.Resources, sr)
	}
	return resp
}

func replacement(rr *kmsg.AlterConfigsRequestResource) (map[string]string, error) {
	configs := make(map[string]string, len(rr.Configs))
	for _, rc := range rr.Configs {
		if _, seen := configs[rc.Name]; seen {
			return nil, refuse(kerr.InvalidRequest, "%s is given more than once", rc.Name)
		}
		if rc.Value == nil {
			return nil, refuse(kerr.InvalidRequest, "%s has no value", rc.Name)
		}
		configs[rc.Name] = *rc.Value
	}
	return configs, nil
}

// resource is what has configs.
type resource struct {
	kind kmsg.ConfigResourceType
	name string
}

// alter changes the properties of a resource that the request names so many times.
func (b *Broker) alter(r resource, times int, validateOnly bool, change func(map[string]string) (map[string]string, error)) error {
	if times > 1 {
		return refuse(kerr.InvalidRequest, "%s is named more than once", r.name)
	}
	switch r.kind {
	case kmsg.ConfigResourceTypeTopic:
		if r.name == "" {
			return refuse(kerr.InvalidRequest, "there are no configs of all topics together: name one")
		}
		if b.store.Snapshot().Topic(r.name) == nil && metadata.CheckName(r.name) != nil {
			return refuse(kerr.InvalidTopicException, "%q cannot be the name of a topic", r.name)
		}
		return b.store.Configure(r.name, validateOnly, change)
	case kmsg.ConfigResourceTypeGroupConfig:
		return b.alterGroupConfigs(r.name, validateOnly, change)
	case kmsg.ConfigResourceTypeBroker:
		return b.alterBroker(r.name, change)
	}
	return unsupportedResource(r.kind)
}

// alterBroker accepts what changes nothing: no broker has dynamic configs, so they
// can be deleted, as Kafka's tools do to be sure.
func (b *Broker) alterBroker(name string, change func(map[string]string) (map[string]string, error)) error {
	if id, err := strconv.ParseInt(name, 10, 32); name != "" && (err != nil || int32(id) != b.cfg.NodeID) {
		return refuse(kerr.InvalidRequest, "there is no broker %q, only %d", name, b.cfg.NodeID)
	}
	configs, err := change(make(map[string]string))
	if err == nil && len(configs) > 0 {
		err = refuse(kerr.InvalidRequest, "broker configs are given when the node starts and cannot be altered")
	}
	return err
}
