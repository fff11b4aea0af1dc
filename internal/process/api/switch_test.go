package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/group"
)

// besides is a fixture with version 2 beside the active one, each stopped at an offset of
// partition 0.
func besides(t *testing.T, first, second int64) *fixture {
	t.Helper()
	f := newFixture(t, newCluster(t))
	for version, at := range map[int]int64{1: first, 2: second} {
		offsets := kadm.Offsets{}
		offsets.AddOffset("in", 0, at, -1)
		set, err := kadm.NewClient(f.client).CommitOffsets(t.Context(), group.Name("counter", version), offsets)
		if err != nil || set.Error() != nil {
			t.Fatal(err, set.Error())
		}
	}
	told(t, f, "/counter:replay", "")
	return f
}

// The declaration says where: else whoever deletes what the version before has left changes
// what this one writes.
func TestASwitchContinuesWhereTheActiveVersionStops(t *testing.T) {
	f := besides(t, 5, 3)
	p := told(t, f, "/counter:switch", "")
	want := control.Spec{Active: 2, Versions: []control.Version{{Version: 2, From: "start", Continues: 1, At: map[string][]int64{"in": {5}}}}}
	if got := f.control.Spec("counter"); !reflect.DeepEqual(got, want) || p.Active != 2 || len(p.Versions) != 1 {
		t.Errorf("declared is %+v, want %+v; answered %+v", got, want, p)
	}
}

// It would write again what the other one has written.
func TestASwitchWaitsForAVersionThatIsBehind(t *testing.T) {
	f := besides(t, 2, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := 0
	f.cluster.ControlKey(int16(kmsg.OffsetFetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.cluster.KeepControl()
		if asked++; asked > 2 { // for both versions: who asks has heard enough
			cancel()
		}
		return nil, nil, false
	})
	w := httptest.NewRecorder()
	f.mux.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, Prefix+"/counter:switch", strings.NewReader("")))
	refuses(t, w.Result(), http.StatusConflict, "version 1 is at offset 2 of partition 0 of \"in\", and version 2 at 3")
	if s := f.control.Spec("counter"); s.Active != 1 || len(s.Versions) != 2 || s.Versions[1].Paused {
		t.Errorf("declared is %+v: both are to go on as before", s)
	}
}

func TestNothingIsSwitchedWhileTheActiveVersionIsPaused(t *testing.T) {
	f := besides(t, 5, 3)
	told(t, f, "/counter:pause", `{"version":1}`)
	refuses(t, f.post("/counter:switch", ""), http.StatusConflict, "version 1 is paused, and may be behind version 2: resume it")
	told(t, f, "/counter:resume", `{"version":1}`)
	told(t, f, "/counter:pause", "")
	refuses(t, f.post("/counter:switch", ""), http.StatusConflict, "is paused")
}

func TestResumingAProcessorResumesVersionsThatWerePausedByThemselves(t *testing.T) {
	f := besides(t, 5, 3)
	told(t, f, "/counter:pause", `{"version":1}`)
	told(t, f, "/counter:pause", "")
	told(t, f, "/counter:resume", "")
	if s := f.control.Spec("counter"); s.Paused || s.Versions[0].Paused || s.Versions[1].Paused {
		t.Errorf("declared is %+v", s)
	}
}
