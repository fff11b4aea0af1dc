package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

// altersAtOnce is how many resources of a request are altered side by side: they share
// commits of the log.
const altersAtOnce = 32

// incrementalAlterConfigs changes single properties of topics (KIP-339) and groups.
func (b *Broker) incrementalAlterConfigs(_ context.Context, _ *call, req *kmsg.IncrementalAlterConfigsRequest) kmsg.Response {
	resp := reply[*kmsg.IncrementalAlterConfigsResponse](req)
	named := make(map[resource]int, len(req.Resources))
	for i := range req.Resources {
		named[resource{req.Resources[i].ResourceType, req.Resources[i].ResourceName}]++
	}
	resp.Resources = make([]kmsg.IncrementalAlterConfigsResponseResource, len(req.Resources))
	var alters errgroup.Group
	alters.SetLimit(altersAtOnce)
	for i := range req.Resources {
		rr, sr := &req.Resources[i], &resp.Resources[i]
		r := resource{rr.ResourceType, rr.ResourceName}
		sr.Default()
		sr.ResourceType, sr.ResourceName = rr.ResourceType, rr.ResourceName
		alters.Go(func() error {
			sr.ErrorCode, sr.ErrorMessage = messageOf(b.alter(r, named[r], req.ValidateOnly, func(configs map[string]string) (map[string]string, error) {
				return configs, b.applyOps(configs, rr.Configs)
			}))
			return nil
		})
	}
	_ = alters.Wait() // each has its own answer
	return resp
}

// applyOps changes configs as the operations say.
func (b *Broker) applyOps(configs map[string]string, ops []kmsg.IncrementalAlterConfigsRequestResourceConfig) error {
	seen := make(map[string]bool, len(ops))
	for i := range ops {
		op := &ops[i]
		if seen[op.Name] {
			return refuse(kerr.InvalidRequest, "%s is altered more than once", op.Name)
		}
		seen[op.Name] = true
		if err := b.applyOp(configs, op); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broker) applyOp(configs map[string]string, op *kmsg.IncrementalAlterConfigsRequestResourceConfig) error {
	if op.Op == kmsg.IncrementalAlterConfigOpDelete {
		delete(configs, op.Name)
		return nil
	}
	if op.Value == nil {
		return refuse(kerr.InvalidRequest, "%s has no value", op.Name)
	}
	value, err := *op.Value, error(nil)
	switch op.Op {
	case kmsg.IncrementalAlterConfigOpSet:
	case kmsg.IncrementalAlterConfigOpAppend:
		value, err = topicconfig.AppendTo(op.Name, b.inForce(configs, op.Name), value)
	case kmsg.IncrementalAlterConfigOpSubtract:
		value, err = topicconfig.RemoveFrom(op.Name, b.inForce(configs, op.Name), value)
	default:
		return refuse(kerr.InvalidRequest, "operation %d on %s is unknown, allowed are 0 to 3", op.Op, op.Name)
	}
	if err == nil {
		configs[op.Name] = value
	}
	return err
}

// inForce is the value that applies: the topic's, the node's, or the default.
func (b *Broker) inForce(configs map[string]string, name string) string {
	if v, ok := configs[name]; ok {
		return v
	}
	if v, ok := b.cfg.TopicDefaults[name]; ok {
		return v
	}
	d, _ := topicconfig.Lookup(name)
	return d.Default
}
