package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func (b *Broker) deleteACLs(_ context.Context, _ *call, req *kmsg.DeleteACLsRequest) kmsg.Response {
	resp := reply[*kmsg.DeleteACLsResponse](req)
	for range req.Filters {
		sr := kmsg.NewDeleteACLsResponseResult()
		sr.ErrorCode, sr.ErrorMessage = messageOf(errNoACLs)
		resp.Results = append(resp.Results, sr)
	}
	return resp
}
