package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/state"
)

// steered is an API whose processor nobody runs, and what knows how it is declared.
func steered(t *testing.T, cluster *kfake.Cluster) (http.Handler, *control.Controller) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p := process.Processor{
		Name: "counter", Version: 1, Inputs: []string{"in"}, Stores: []state.StoreConfig{{Name: "counts"}},
		New: func(process.Task) process.Handler { return nil },
	}
	c, err := control.New(control.Config{Processors: []process.Processor{p}, Client: client, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	declare := func(_ http.ResponseWriter, r *http.Request, name string, change func(*control.Spec) error) bool {
		s := c.Spec(name)
		if err := change(&s); err != nil || r.Context().Err() != nil {
			t.Errorf("declared with %v, %v", err, r.Context().Err())
			return false
		}
		c.Declare(map[string]control.Spec{name: s})
		return true
	}
	a := &API{Control: c, Client: client, Declare: declare, Find: func(string, int) (Running, bool) { return nil, false }}
	mux := http.NewServeMux()
	a.Handle(mux)
	return mux, c
}

// A version whose state is gone and whose positions are not set would count wrong.
func TestAVersionWhoseResetFailsHalfWayStaysPaused(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in", group.Changelog("counter", 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	api, controller := steered(t, cluster)
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
	if status, text := reset(t, api); status != http.StatusInternalServerError || !strings.Contains(text, "stays paused") {
		t.Errorf("answered %d %s", status, text)
	}
	if !controller.Spec("counter").Versions[0].Paused {
		t.Error("it goes on")
	}
	failing.Store(false)
	if status, text := reset(t, api); status != http.StatusOK {
		t.Errorf("asked again: %d %s", status, text)
	}
}

// Else resuming the processor would not have it go on.
func TestResettingAPausedProcessorPausesNoVersion(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	api, controller := steered(t, cluster)
	controller.Declare(map[string]control.Spec{"counter": {Paused: true}})
	if status, text := reset(t, api); status != http.StatusOK {
		t.Errorf("answered %d %s", status, text)
	}
	if s := controller.Spec("counter"); !s.Paused || s.Versions[0].Paused {
		t.Errorf("declared as %+v", s)
	}
}

func reset(t *testing.T, api http.Handler) (status int, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, Prefix+"/counter:reset", strings.NewReader(`{"to":"start","state":"discard"}`)))
	return w.Code, w.Body.String()
}
