package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
)

// describeUserScramCredentials tells which credentials users have, and nothing of
// what is in them (KIP-554). Nobody in particular means all.
func (b *Broker) describeUserScramCredentials(_ context.Context, _ *call, req *kmsg.DescribeUserSCRAMCredentialsRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeUserSCRAMCredentialsResponse](req)
	users := b.store.Users()
	if len(req.Users) == 0 {
		for name, credentials := range users.All() {
			resp.Results = append(resp.Results, describedUser(name, credentials))
		}
		return resp
	}
	named := make(map[string]int, len(req.Users))
	for _, u := range req.Users {
		named[u.Name]++
	}
	for _, u := range req.Users {
		switch n, credentials := named[u.Name], users.Get(u.Name); {
		case n == 0: // answered
			continue
		case n > 1:
			resp.Results = append(resp.Results, undescribedUser(u.Name, refuse(kerr.DuplicateResource, "user %q is asked for more than once", u.Name)))
		case credentials == nil:
			resp.Results = append(resp.Results, undescribedUser(u.Name, refuse(kerr.ResourceNotFound, "there is no user %q", u.Name)))
		default:
			resp.Results = append(resp.Results, describedUser(u.Name, credentials))
		}
		named[u.Name] = 0
	}
	return resp
}

func describedUser(name string, credentials auth.Credentials) kmsg.DescribeUserSCRAMCredentialsResponseResult {
	r := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
	r.User = name
	for _, m := range []auth.Mechanism{auth.ScramSHA256, auth.ScramSHA512} {
		if c, ok := credentials[m]; ok {
			info := kmsg.NewDescribeUserSCRAMCredentialsResponseResultCredentialInfo()
			info.Mechanism, info.Iterations = m.Number(), int32(c.Iterations)
			r.CredentialInfos = append(r.CredentialInfos, info)
		}
	}
	return r
}

func undescribedUser(name string, err error) kmsg.DescribeUserSCRAMCredentialsResponseResult {
	r := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
	r.User = name
	r.ErrorCode, r.ErrorMessage = messageOf(err)
	return r
}
