package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func (b *Broker) createACLs(_ context.Context, _ *call, req *kmsg.CreateACLsRequest) kmsg.Response {
	resp := reply[*kmsg.CreateACLsResponse](req)
	for range req.Creations {
		sr := kmsg.NewCreateACLsResponseResult()
		sr.ErrorCode, sr.ErrorMessage = messageOf(errNoACLs)
		resp.Results = append(resp.Results, sr)
	}
	return resp
}
