package classic

import (
	"flag"
	"fmt"
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
	tickets    map[Ticket]string // who asked
	last       Ticket
	writes     []*Write
	stored     *kmsg.GroupMetadataValue // the last durable one
	out        strings.Builder
}

func newScript() *script {
	start := time.UnixMilli(1_000_000)
	cfg := &Config{NewMemberTimeout: 5 * time.Minute}
	return &script{start: start, now: start, cfg: cfg, g: New(cfg, start), tickets: map[Ticket]string{}}
}

// Do implements [golden.Machine].
func (s *script) Do(name string, a golden.Args) string {
	s.out.Reset()
	verbs := map[string]func(golden.Args){
		"config": s.config, "join": s.join, "sync": s.sync, "heartbeat": s.heartbeat, "leave": s.leave,
		"commit": s.commit, "advance": s.advance, "stored": s.persisted, "restart": s.restart, "subscribed": s.subscribed,
	}
	verb, ok := verbs[name]
	if !ok {
		return "unknown command " + name + "\n"
	}
	verb(a)
	s.printf("%s", s.state())
	return s.out.String()
}

func (s *script) printf(format string, a ...any) { fmt.Fprintf(&s.out, format+"\n", a...) }

func (s *script) config(a golden.Args) {
	s.cfg.InitialDelay = a.Duration("delay", 0)
	s.cfg.MaxSize = a.Int("max", 0)
}

// join client=c [member=] [instance=] [version=9] [type=consumer]
// [protocols=range:m1,sticky:m2] [session=10s] [rebalance=60s]
func (s *script) join(a golden.Args) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version = int16(a.Int("version", 9))
	req.MemberID, req.InstanceID = a["member"], a.Pointer("instance")
	req.SessionTimeoutMillis = int32(a.Duration("session", 10*time.Second).Milliseconds())
	req.RebalanceTimeoutMillis = int32(a.Duration("rebalance", time.Minute).Milliseconds())
	req.ProtocolType = "consumer"
	if t, ok := a["type"]; ok {
		req.ProtocolType = t
	}
	if _, ok := a["protocols"]; !ok {
		a["protocols"] = "range:m"
	}
	for p := range strings.SplitSeq(a["protocols"], ",") {
		name, metadata, _ := strings.Cut(p, ":")
		if name != "" {
			req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: []byte(metadata)})
		}
	}
	s.fresh++
	s.perform(s.g.Join(s.now, JoinRequest{
		Ticket: s.ticket(a), Client: Client{ID: a["client"], Host: "/h"}, Request: req, FreshID: strconv.Itoa(s.fresh),
	}))
}

// sync member= gen= [instance=] [type=] [protocol=] [assign=member:bytes,...]
func (s *script) sync(a golden.Args) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.MemberID, req.InstanceID, req.Generation = a["member"], a.Pointer("instance"), int32(a.Int("gen", 0))
	req.ProtocolType, req.Protocol = a.Pointer("type"), a.Pointer("protocol")
	for as := range strings.SplitSeq(a["assign"], ",") {
		if id, bytes, ok := strings.Cut(as, ":"); ok {
			req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: id, MemberAssignment: []byte(bytes)})
		}
	}
	s.perform(s.g.Sync(s.now, SyncRequest{s.ticket(a), req}))
}

func (s *script) ticket(a golden.Args) Ticket {
	s.last++
	who := a["member"]
	if who == "" {
		who = a["client"]
	}
	s.tickets[s.last] = who
	return s.last
}

func (s *script) heartbeat(a golden.Args) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.MemberID, req.InstanceID, req.Generation = a["member"], a.Pointer("instance"), int32(a.Int("gen", 0))
	s.printf("%s", name(s.g.Heartbeat(s.now, req)))
}

// leave [member=] [instance=], or members=a,b
func (s *script) leave(a golden.Args) {
	leavers := []kmsg.LeaveGroupRequestMember{{MemberID: a["member"], InstanceID: a.Pointer("instance")}}
	if ids, ok := a["members"]; ok {
		leavers = nil
		for id := range strings.SplitSeq(ids, ",") {
			leavers = append(leavers, kmsg.LeaveGroupRequestMember{MemberID: id})
		}
	}
	errs, fx := s.g.Leave(s.now, leavers)
	for i, err := range errs {
		s.printf("leave %s: %s", leavers[i].MemberID, name(err))
	}
	s.perform(fx)
}

func (s *script) commit(a golden.Args) {
	s.printf("%s", name(s.g.Commit(s.now, Committer{MemberID: a["member"], InstanceID: a.Pointer("instance"), Generation: int32(a.Int("gen", -1))})))
}

// advance by=duration lets time pass, and deadlines with it.
func (s *script) advance(a golden.Args) {
	end := s.now.Add(a.Duration("by", 0))
	for w := s.g.Wake(); !w.IsZero() && !w.After(end); w = s.g.Wake() {
		s.now = w
		before := s.state()
		s.perform(s.g.Expire(w))
		if after := s.state(); after != before {
			s.printf("at %s: %s", s.now.Sub(s.start), after)
		}
	}
	s.now = end
}

// stored [err=true] reports the oldest write.
func (s *script) persisted(a golden.Args) {
	if len(s.writes) == 0 {
		s.printf("nothing is being stored")
		return
	}
	w := s.writes[0]
	s.writes = s.writes[1:]
	var err *kerr.Error
	if a["err"] != "" {
		err = kerr.CoordinatorNotAvailable
	} else {
		s.stored = w.Value
	}
	s.perform(s.g.Persisted(s.now, w, err))
}

// restart goes on from the last metadata that is durable.
func (s *script) restart(golden.Args) {
	s.writes, s.tickets = nil, map[Ticket]string{}
	s.g = New(s.cfg, s.now)
	if s.stored != nil {
		s.g = Restore(s.cfg, s.now, s.stored)
	}
}

func (s *script) subscribed(a golden.Args) {
	s.printf("%s: %v, known %v", a["topic"], s.g.Subscribed(a["topic"]), s.g.SubscriptionKnown())
}

func (s *script) perform(fx Effects) {
	for _, j := range fx.Joins {
		r := j.Response
		s.printf("join reply to %s: %s", s.claim(j.Ticket), joinText(r))
	}
	for _, y := range fx.Syncs {
		s.printf("sync reply to %s: %s assignment=%q", s.claim(y.Ticket), name(errOf(y.Response.ErrorCode)), y.Response.MemberAssignment)
	}
	for _, w := range fx.Writes {
		s.printf("write gen=%d members=%d", w.Value.Generation, len(w.Value.Members))
	}
	s.writes = append(s.writes, fx.Writes...)
}

func (s *script) claim(t Ticket) string {
	who, ok := s.tickets[t]
	if !ok {
		return fmt.Sprintf("NOBODY (ticket %d)", t)
	}
	delete(s.tickets, t)
	return who
}

func joinText(r *kmsg.JoinGroupResponse) string {
	text := name(errOf(r.ErrorCode)) + " id=" + r.MemberID
	if r.ErrorCode != 0 {
		return text
	}
	text += fmt.Sprintf(" gen=%d protocol=%s leader=%s", r.Generation, orEmpty(r.Protocol), r.LeaderID)
	if r.SkipAssignment {
		text += " skip-assignment"
	}
	for _, m := range r.Members {
		text += fmt.Sprintf(" %s:%s", m.MemberID, m.ProtocolMetadata)
	}
	return text
}

// state is one line about the group.
func (s *script) state() string {
	g := s.g
	text := fmt.Sprintf("%s gen=%d leader=%s", g.State(), g.Generation(), g.leader)
	for _, m := range g.order {
		text += " " + m.id
		if m.join != 0 {
			text += "(joins)"
		}
		if m.sync != 0 {
			text += "(syncs)"
		}
	}
	if n := len(g.pending); n > 0 {
		text += fmt.Sprintf(" pending=%d", n)
	}
	return text
}

func errOf(code int16) *kerr.Error {
	if code == 0 {
		return nil
	}
	return kerr.TypedErrorForCode(code)
}

func name(err *kerr.Error) string {
	if err == nil {
		return "ok"
	}
	return err.Message
}
