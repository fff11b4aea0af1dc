package api

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/group"
)

// A version whose state is gone and whose positions are not set would count wrong.
func TestAVersionWhoseResetFailsHalfWayStaysPaused(t *testing.T) {
	cluster := newCluster(t, group.Changelog("counter", 1))
	f := newFixture(t, cluster)
	var failing atomic.Bool
	failing.Store(true)
	cluster.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !failing.Load() {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, asked := range req.(*kmsg.OffsetCommitRequest).Topics {
			got := kmsg.OffsetCommitResponseTopic{Topic: asked.Topic, TopicID: asked.TopicID}
			for _, p := range asked.Partitions {
				got.Partitions = append(got.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: kerr.GroupAuthorizationFailed.Code})
			}
			resp.Topics = append(resp.Topics, got)
		}
		return resp, nil, true
	})
	if status, text := reset(f); status != http.StatusInternalServerError || !strings.Contains(text, "stays paused") {
		t.Errorf("answered %d %s", status, text)
	}
	if !f.control.Spec("counter").Versions[0].Paused {
		t.Error("it goes on")
	}
	failing.Store(false)
	if status, text := reset(f); status != http.StatusOK {
		t.Errorf("asked again: %d %s", status, text)
	}
}

// Else resuming the processor would not have it go on.
func TestResettingAPausedProcessorPausesNoVersion(t *testing.T) {
	f := newFixture(t, newCluster(t))
	f.control.Declare(map[string]control.Spec{"counter": {Paused: true}})
	if status, text := reset(f); status != http.StatusOK {
		t.Errorf("answered %d %s", status, text)
	}
	if s := f.control.Spec("counter"); !s.Paused || s.Versions[0].Paused {
		t.Errorf("declared as %+v", s)
	}
}

func reset(f *fixture) (status int, text string) {
	resp := f.post("/counter:reset", `{"to":"start","state":"discard"}`)
	return resp.StatusCode, bodyOf(f.t, resp)
}
