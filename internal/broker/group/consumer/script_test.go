package consumer

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/golden"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestScripts runs the golden scripts in testdata. The commands are the
// methods of script.
func TestScripts(t *testing.T) {
	golden.Run(t, *update, func() golden.Machine { return newScript() })
}

// script drives one group.
type script struct {
	start, now time.Time
	cfg        *Config
	g          *Group
	fresh      int
	topics     *fakeTopics
	log        stored
	out        strings.Builder
}

func newScript() *script {
	start := time.UnixMilli(1_000_000)
	s := &script{start: start, now: start, cfg: &Config{MaxSize: 100, ClassicMaxSize: 100}, topics: &fakeTopics{}}
	s.topics = s.topics.with("orders", 1, 4).with("payments", 1, 2)
	s.g = New(s.cfg, "g")
	return s
}

// Do implements [golden.Machine].
func (s *script) Do(name string, a golden.Args) string {
	s.out.Reset()
	verbs := map[string]func(golden.Args){
		"config": s.config, "topic": s.topic, "hb": s.heartbeat, "advance": s.advance, "restart": s.restart,
		"commit": s.commit, "fetch": s.fetch, "join": s.join, "sync": s.sync, "heartbeat": s.classicHeartbeat,
		"leave": s.leave, "describe": s.describe, "subscribed": s.subscribed, "upgrade": s.upgrade,
	}
	verb, ok := verbs[name]
	if !ok {
		return "unknown command " + name + "\n"
	}
	verb(a)
	if name != "describe" && s.g != nil {
		s.printf("%s", s.state())
	}
	return s.out.String()
}

func (s *script) printf(format string, a ...any) { fmt.Fprintf(&s.out, format+"\n", a...) }

func (s *script) env() Env { return env(s.now, s.topics) }

// config max=members classic=members
func (s *script) config(a golden.Args) {
	s.cfg.MaxSize, s.cfg.ClassicMaxSize = a.Int("max", 100), a.Int("classic", 100)
}

// topic name= [partitions=0] [version=1]; without partitions, it is deleted.
func (s *script) topic(a golden.Args) {
	if n := a.Int("partitions", 0); n > 0 {
		s.topics = s.topics.with(a["name"], byte(a.Int("version", 1)), int32(n))
		return
	}
	s.topics = s.topics.without(a["name"])
}

// partitions reads "orders:0,1;payments:0".
func (s *script) partitions(text string) []Partition {
	ps := []Partition{}
	for part := range strings.SplitSeq(text, ";") {
		name, ns, ok := strings.Cut(part, ":")
		for n := range strings.SplitSeq(ns, ",") {
			if number, err := strconv.Atoi(n); ok && err == nil {
				id, _, _ := s.topics.ByName(name)
				ps = append(ps, Partition{Topic: id, Number: int32(number)})
			}
		}
	}
	slices.SortFunc(ps, Partition.Compare)
	return ps
}

func list(text string) []string {
	if text == "" {
		return []string{}
	}
	return strings.Split(text, ",")
}

// hb member= [epoch=0] [version=1] [instance=] [rack=] [topics=a,b] [regex=]
// [assignor=] [rebalance=60s] [owned=orders:0,1;payments:0]
func (s *script) heartbeat(a golden.Args) {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch = int16(a.Int("version", 1)), "g", a["member"], int32(a.Int("epoch", 0))
	req.InstanceID, req.RackID, req.ServerAssignor, req.SubscribedTopicRegex = a.Pointer("instance"), a.Pointer("rack"), a.Pointer("assignor"), a.Pointer("regex")
	if topics, ok := a["topics"]; ok {
		req.SubscribedTopicNames = list(topics)
	}
	if owned, ok := a["owned"]; ok || req.MemberEpoch == 0 {
		req.Topics = topicsOf(s.partitions(owned))
	}
	if _, ok := a["rebalance"]; ok || req.MemberEpoch == 0 {
		req.RebalanceTimeoutMillis = int32(a.Duration("rebalance", time.Minute).Milliseconds())
	}
	if err := CheckHeartbeat(req); err != nil {
		s.printf("%s: %v", codeOf(err).Message, err)
		return
	}
	s.fresh++
	resp, fx := s.g.Heartbeat(s.env(), Heartbeat{Client: Client{ID: "c", Host: "/h"}, Request: req, FreshID: fmt.Sprint("fresh-", s.fresh)})
	if resp.ErrorCode != 0 {
		s.printf("%s: %s", name(resp.ErrorCode), *resp.ErrorMessage)
	} else {
		text := fmt.Sprintf("ok member=%s epoch=%d", *resp.MemberID, resp.MemberEpoch)
		if resp.Assignment != nil {
			text += " assignment=[" + s.topics.text(partitionsOf(resp.Assignment)) + "]"
		}
		s.printf("%s", text)
	}
	s.perform(fx)
}

// join member= [version=9] [instance=] [topics=] [owned=] [protocols=range] [session=10s] [rebalance=60s]
func (s *script) join(a golden.Args) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID = int16(a.Int("version", 9)), "g", a["member"], a.Pointer("instance")
	req.SessionTimeoutMillis = int32(a.Duration("session", 10*time.Second).Milliseconds())
	req.RebalanceTimeoutMillis = int32(a.Duration("rebalance", time.Minute).Milliseconds())
	req.ProtocolType = "consumer"
	if t, ok := a["type"]; ok {
		req.ProtocolType = t
	}
	if _, ok := a["protocols"]; !ok {
		a["protocols"] = "range"
	}
	for p := range strings.SplitSeq(a["protocols"], ",") {
		req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: p, Metadata: s.subscription(a)})
	}
	s.fresh++
	resp, fx := s.g.Join(s.env(), Join{Client: Client{ID: "c", Host: "/h"}, Request: req, FreshID: fmt.Sprint("fresh-", s.fresh)})
	text := fmt.Sprintf("%s member=%s generation=%d", name(resp.ErrorCode), resp.MemberID, resp.Generation)
	if resp.Protocol != nil {
		text += " protocol=" + *resp.Protocol
	}
	s.printf("%s", text)
	s.perform(fx)
}

// subscription is what a classic member says it subscribes to and owns.
func (s *script) subscription(a golden.Args) []byte {
	sub := kmsg.NewConsumerMemberMetadata()
	sub.Version, sub.Topics = 1, list(a["topics"])
	runs(s.partitions(a["owned"]), func(id TopicID, of []Partition) {
		topic, _ := s.topics.ByID(id)
		sub.OwnedPartitions = append(sub.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{Topic: topic, Partitions: numbers(of)})
	})
	return sub.AppendTo(nil)
}

// sync member= generation= [instance=] [protocol=]
func (s *script) sync(a golden.Args) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID = 5, "g", a["member"], a.Pointer("instance")
	req.Generation, req.Protocol = int32(a.Int("generation", 0)), a.Pointer("protocol")
	resp := s.g.Sync(s.env(), req)
	s.printf("%s assignment=[%s]", name(resp.ErrorCode), assignmentText(resp.MemberAssignment))
}

func assignmentText(raw []byte) string {
	a := kmsg.NewConsumerMemberAssignment()
	if err := a.ReadFrom(raw); err != nil {
		return ""
	}
	var all []string
	for _, t := range a.Topics {
		all = append(all, fmt.Sprint(t.Topic, ":", strings.Trim(strings.ReplaceAll(fmt.Sprint(t.Partitions), " ", ","), "[]")))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// heartbeat member= generation= [instance=]
func (s *script) classicHeartbeat(a golden.Args) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.MemberID, req.InstanceID, req.Generation = a["member"], a.Pointer("instance"), int32(a.Int("generation", 0))
	s.printf("%s", errName(s.g.ClassicHeartbeat(s.env(), req)))
}

// leave [member=] [instance=]
func (s *script) leave(a golden.Args) {
	errs, fx := s.g.ClassicLeave(s.env(), []kmsg.LeaveGroupRequestMember{{MemberID: a["member"], InstanceID: a.Pointer("instance")}})
	s.printf("%s", errName(errs[0]))
	s.perform(fx)
}

// commit member= epoch= [version=9] [txn=yes] [of=orders:0]
func (s *script) commit(a golden.Args) {
	c := Committer{MemberID: a["member"], Epoch: int32(a.Int("epoch", -1)), Version: int16(a.Int("version", 9)), Transactional: a["txn"] != ""}
	s.printf("%s", errName(s.g.Commit(c, slices.Values(s.partitions(a["of"])))))
}

// fetch member= epoch=
func (s *script) fetch(a golden.Args) {
	s.printf("%s", errName(s.g.Fetch(Committer{MemberID: a["member"], Epoch: int32(a.Int("epoch", -1))})))
}

// advance by=duration lets time pass, and deadlines with it.
func (s *script) advance(a golden.Args) {
	end := s.now.Add(a.Duration("by", 0))
	for w := s.g.Wake(); !w.IsZero() && !w.After(end); w = s.g.Wake() {
		s.now = w
		before := s.state()
		fx := s.g.Expire(s.env())
		if after := s.state(); after != before || fx.Downgrade != nil {
			s.printf("at %s:", s.now.Sub(s.start))
			s.perform(fx)
		}
		if fx.Downgrade != nil {
			return
		}
	}
	s.now = end
}

// restart goes on from what is stored.
func (s *script) restart(golden.Args) {
	im, err := s.log.image()
	if err != nil {
		s.printf("%v", err)
		return
	}
	s.g = Restore(s.cfg, "g", s.env(), im)
}

// upgrade generation= members=a:orders:0,1|b:orders:2,3 [protocol=range] [userdata=yes]
func (s *script) upgrade(a golden.Args) {
	from := ClassicGroup{Generation: int32(a.Int("generation", 1)), Protocol: "range"}
	for text := range strings.SplitSeq(a["members"], "|") {
		id, ps, _ := strings.Cut(text, ":")
		as := kmsg.NewConsumerMemberAssignment()
		if a["userdata"] != "" {
			as.UserData = []byte("mine")
		}
		runs(s.partitions(ps), func(id TopicID, of []Partition) {
			topic, _ := s.topics.ByID(id)
			as.Topics = append(as.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: topic, Partitions: numbers(of)})
		})
		from.Members = append(from.Members, ClassicMember{
			ID: id, Rebalance: time.Minute, Assignment: as.AppendTo(nil),
			Classic: Classic{10 * time.Second, []Protocol{{"range", s.subscription(golden.Args{"topics": "orders"})}}},
		})
	}
	g, fx, err := Upgrade(s.cfg, "g", s.env(), from)
	if err != nil {
		s.printf("%s: %v", codeOf(err).Message, err)
		return
	}
	s.g = g
	s.perform(fx)
}

func (s *script) subscribed(a golden.Args) { s.printf("%v", s.g.Subscribed(a["topic"])) }

func (s *script) describe(golden.Args) {
	d := s.g.Describe(s.topics)
	s.printf("%s epoch=%d assignment-epoch=%d assignor=%s", d.State, d.Epoch, d.AssignmentEpoch, d.AssignorName)
	for _, m := range d.Members {
		s.printf("%s instance=%s rack=%s epoch=%d client=%s%s topics=%v regex=%s type=%d", m.MemberID, orEmpty(m.InstanceID), orEmpty(m.RackID),
			m.MemberEpoch, m.ClientID, m.ClientHost, m.SubscribedTopics, orEmpty(m.SubscribedTopicRegex), m.MemberType)
	}
}

// perform stores the records and prints what they are about.
func (s *script) perform(fx Effects) {
	s.log.append(fx.Records)
	kinds := map[int16]string{3: "group", 4: "topics", 5: "member", 6: "target-epoch", 7: "target", 8: "current", 16: "regex"}
	var all []string
	for _, r := range fx.Records {
		text := kinds[int16(r.Key[0])<<8|int16(r.Key[1])]
		if r.Value == nil {
			text = "-" + text
		}
		all = append(all, text)
	}
	if len(all) > 0 {
		s.printf("write %s", strings.Join(all, " "))
	}
	if d := fx.Downgrade; d != nil {
		s.printf("downgrade generation=%d protocol=%s leader=%s rebalance=%v", d.Value.Generation, *d.Value.Protocol, *d.Value.Leader, d.Rebalance)
		for _, m := range d.Value.Members {
			s.printf("%s assignment=[%s]", m.MemberID, assignmentText(m.Assignment))
		}
		s.g = nil
	}
}

// state is one line about the group, and one about each member.
func (s *script) state() string {
	g := s.g
	if g == nil {
		return "gone"
	}
	text := fmt.Sprintf("%s epoch=%d target=%d", g.State(), g.epoch, g.targetEpoch)
	for _, m := range g.order {
		text += fmt.Sprintf("\n  %s epoch=%d %s has=[%s]", m.id, m.epoch, []string{"stable", "unrevoked", "unreleased"}[m.state], s.topics.text(m.assigned.sorted()))
		if len(m.revoking) > 0 {
			text += fmt.Sprintf(" revoking=[%s]", s.topics.text(m.revoking.sorted()))
		}
		text += fmt.Sprintf(" shall=[%s]", s.topics.text(m.target))
	}
	return text
}

func name(code int16) string {
	if code == 0 {
		return "ok"
	}
	return kerr.TypedErrorForCode(code).Message
}

func errName(err *kerr.Error) string {
	if err == nil {
		return "ok"
	}
	return err.Message
}
