package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/standby"
)

func TestProcessorsAreListedWithWhatWaits(t *testing.T) {
	f := newFixture(t, newCluster(t))
	if err := f.client.ProduceSync(t.Context(), &kgo.Record{Topic: "in"}, &kgo.Record{Topic: "in"}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	offsets := kadm.Offsets{}
	for p := range int32(4) {
		offsets.AddOffset("in", p, 0, -1)
	}
	set, err := kadm.NewClient(f.client).CommitOffsets(t.Context(), group.Name("counter", 1), offsets)
	if err != nil || set.Error() != nil {
		t.Fatal(err, set.Error())
	}
	f.run.trouble = errors.New("its changelog is gone")
	var all struct{ Processors []Processor }
	if err := json.NewDecoder(f.get("").Body).Decode(&all); err != nil || len(all.Processors) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	counter, passer := all.Processors[0], all.Processors[1]
	v := counter.Versions[0]
	if counter.Name != "counter" || counter.Active != 1 || v.Lag != 2 || v.Error != "its changelog is gone" || fmt.Sprint(v.Inputs, v.Stores) != "[in] [counts last]" {
		t.Errorf("%+v", counter)
	}
	if passer.Name != "passer" || passer.Versions[0].Stores != nil || passer.Versions[0].Error != "" {
		t.Errorf("%+v", passer)
	}
	refuses(t, f.get("/countr"), http.StatusNotFound, `there is no processor "countr": did you mean "counter"?`)
}

// What a node says of itself, and what another makes of it.
func TestADescriptionIsMadeOfWhatNodesSay(t *testing.T) {
	f := newFixture(t, newCluster(t))
	f.run.status = []process.Status{{Task: process.Task{Partition: 1}, Lag: 5, Restored: 3, ToRestore: 9, Reason: "why"}}
	f.run.copies = map[int32]standby.Status{2: {Role: standby.Standby, Next: 1, End: 8}, 3: {Role: standby.Left}}
	var said map[int]local
	if err := json.NewDecoder(f.get("/counter?local=true").Body).Decode(&said); err != nil {
		t.Fatal(err)
	}
	part := said[1]
	if len(part.Tasks) != 1 || part.Tasks[0].Partition != 1 || fmt.Sprint(part.Copies) != "map[2:7]" {
		t.Fatalf("it says %+v", said)
	}
	part.Instance = "other"
	v := Version{Version: 1, Tasks: []Task{
		{Partition: 1, Owner: "other", Address: "http://other"},
		{Partition: 2, Owner: "self", Standbys: []Copy{{Instance: "other", Lag: -1}, {Instance: "third", Lag: -1}}},
	}}
	v.add(part)
	if a := v.Tasks[0]; a.Owner != "other" || a.Address != "http://other" || a.Lag != 5 || a.Restored != 3 || a.ToRestore != 9 || a.Reason != "why" {
		t.Errorf("its task is %+v", a)
	}
	if c := v.Tasks[1].Standbys; c[0].Lag != 7 || c[1].Lag != -1 {
		t.Errorf("its copy is %+v", c)
	}
	stranger := local{Instance: "stranger", Tasks: []Task{{Partition: 1, Reason: "mine"}}}
	if v.add(stranger); v.Tasks[0].Reason != "why" {
		t.Error("a node says something of a task that it has not")
	}
}

// A node that says more than anything sensible, or nothing, is left out.
func TestAnotherNodesWordsAreBounded(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"endless": func(w http.ResponseWriter) {
			fmt.Fprintf(w, `{"1":{"instance":"%s"}}`, strings.Repeat("x", mostDescribed))
		},
		"garbage": func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") },
		"unwell":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
	}
	for name, answer := range answers {
		a := &API{Forward: func(*http.Request, string, []byte) (*http.Response, error) {
			w := httptest.NewRecorder()
			answer(w)
			return w.Result(), nil
		}}
		r := httptest.NewRequest(http.MethodGet, Prefix+"/counter", nil)
		if err := a.fetchJSON(t.Context(), r, "http://other", "local=true", &map[int]local{}); err == nil {
			t.Errorf("%s: it is believed", name)
		}
	}
}
