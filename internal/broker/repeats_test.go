package broker

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request of some megabytes can ask for gigabytes. It is the end of its
// connection, before anything is looked up.
func TestARequestCannotAskForTheSameThingForEver(t *testing.T) {
	s := start(t)
	s.topic("t", 1)
	again := func(n int) []string { return slices.Repeat([]string{"t"}, n) }
	for name, request := range map[string]func(n int) kmsg.Request{
		"offsets": func(n int) kmsg.Request {
			r := kmsg.NewPtrOffsetFetchRequest()
			for range n {
				r.Groups = append(r.Groups, kmsg.OffsetFetchRequestGroup{Group: "t"})
			}
			return r
		},
		"configs": func(n int) kmsg.Request {
			r := kmsg.NewPtrDescribeConfigsRequest()
			for range n {
				r.Resources = append(r.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t"})
			}
			return r
		},
		"producers": func(n int) kmsg.Request {
			r := kmsg.NewPtrDescribeProducersRequest()
			for range n {
				r.Topics = append(r.Topics, kmsg.DescribeProducersRequestTopic{Topic: "t", Partitions: []int32{0}})
			}
			return r
		},
		"groups":          func(n int) kmsg.Request { return &kmsg.DescribeGroupsRequest{Groups: again(n)} },
		"transactions":    func(n int) kmsg.Request { return &kmsg.DescribeTransactionsRequest{TransactionalIDs: again(n)} },
		"consumer groups": func(n int) kmsg.Request { return &kmsg.ConsumerGroupDescribeRequest{Groups: again(n)} },
		"share groups":    func(n int) kmsg.Request { return &kmsg.ShareGroupDescribeRequest{GroupIDs: again(n)} },
	} {
		good, bad := request(maxRepeats), request(maxRepeats+1)
		for _, req := range []kmsg.Request{good, bad} {
			req.SetVersion(min(req.MaxVersion(), s.api(req.Key()).max))
		}
		c := s.dial()
		c.send(good)
		if _, err := c.frame(); err != nil {
			t.Errorf("%s: %d times: %v", name, maxRepeats, err)
		}
		before := testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues("too_large"))
		c.send(bad)
		c.closed()
		waitFor(t, func() bool {
			return testutil.ToFloat64(s.metrics.connectionErrors.WithLabelValues("too_large")) == before+1
		}, "%s: once more is not refused", name)
	}
}
