package group

import (
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
)

// ListGroups answers ListGroups (versions 0 to 5; filters by state from 4,
// KIP-518, by type from 5, KIP-848; both ignore case). While groups are being
// loaded, it gives those it has with the error COORDINATOR_LOAD_IN_PROGRESS.
func (c *Coordinator) ListGroups(_ ClientInfo, req *kmsg.ListGroupsRequest, reply func(*kmsg.ListGroupsResponse)) {
	resp := req.ResponseKind().(*kmsg.ListGroupsResponse)
	resp.ErrorCode = codeOf(c.topic.CheckAll())
	types, states := newFilter(req.TypesFilter), newFilter(req.StatesFilter)
	for _, e := range c.entries() {
		c.step(e, func(time.Time) {
			if l := e.listed(); types.picks(l.GroupType) && states.picks(l.GroupState) {
				resp.Groups = append(resp.Groups, l)
			}
		})
	}
	slices.SortFunc(resp.Groups, func(a, b kmsg.ListGroupsResponseGroup) int { return strings.Compare(a.Group, b.Group) })
	reply(resp)
}

// filter is what a request wants to see, in small letters; an empty one picks
// everything.
type filter map[string]bool

func newFilter(values []string) filter {
	f := make(filter, len(values))
	for _, v := range values {
		f[strings.ToLower(strings.TrimSpace(v))] = true
	}
	return f
}

func (f filter) picks(value string) bool { return len(f) == 0 || f[strings.ToLower(value)] }

func (e *entry) listed() kmsg.ListGroupsResponseGroup {
	l := kmsg.NewListGroupsResponseGroup()
	l.Group = e.id
	switch g := e.group.(type) {
	case *classic.Group:
		l.GroupType, l.ProtocolType, l.GroupState = classicType, g.ProtocolType(), g.State().String()
	case *share.Group:
		l.GroupType, l.ProtocolType, l.GroupState = shareType, share.ProtocolType, g.State()
	case *consumer.Group:
		l.GroupType, l.ProtocolType, l.GroupState = consumerType, consumer.ProtocolType, g.State().String()
	}
	return l
}
