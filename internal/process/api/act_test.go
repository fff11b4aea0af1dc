package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/process/control"
)

func TestOrdersThatAreWrongChangeNothing(t *testing.T) {
	f := newFixture(t, newCluster(t))
	before := f.control.Spec("counter")
	for path, want := range map[string]struct {
		body   string
		status int
		detail string
	}{
		"/countr:pause":        {"", 404, `there is no processor "countr": did you mean "counter"?`},
		"/counter:paus":        {"", 404, `a processor cannot be told to "paus": did you mean "pause"?`},
		"/counter:":            {"", 404, `cannot be told to "": it is told to pause, replay, reset, resume, switch`},
		"/counter":             {"", 404, `cannot be told to ""`},
		"/counter:pause?1":     {`{"version":2}`, 409, "nothing was done: version 2 is not among those that run: there is 1"},
		"/counter:resume":      {`{"version":-1}`, 409, "version -1 is not among"},
		"/counter:pause?2":     {`{"versoin":1}`, 400, `the body is no order: json: unknown field "versoin"`},
		"/counter:pause?3":     {`{"version":"1"}`, 400, "the body is no order"},
		"/counter:pause?4":     {`[]`, 400, "the body is no order"},
		"/counter:pause?5":     {`{"version":1`, 400, "the body is no order: unexpected EOF"},
		"/counter:pause?6":     {`{"version":1}{"version":1}`, 400, "the body is no order: something follows it"},
		"/counter:pause?7":     {`{"to":"` + strings.Repeat("x", mostBody) + `"}`, 413, "the order has more than 65536 bytes"},
		"/counter:reset":       {`{"to":"start"}`, 400, "say what becomes of it, state keep or discard"},
		"/counter:reset?1":     {`{"to":"start","state":"kept"}`, 400, `state is "kept", and must be keep or discard`},
		"/counter:reset?2":     {`{"state":"keep"}`, 400, "say where to, such as start"},
		"/counter:reset?3":     {`{"to":"noon","state":"keep"}`, 400, `to is "noon", and must be start, latest`},
		"/counter:reset?4":     {`{"to":"-1","state":"keep"}`, 400, "to is -1, and no offset is below 0"},
		"/counter:reset?5":     {`{"to":"start","state":"keep","version":7}`, 409, "version 7 is not among"},
		"/counter:replay":      {`{"version":1}`, 409, "version 1 runs already: replay into another one"},
		"/counter:replay?1":    {`{"version":-3}`, 400, "version is -3, and must be a number from 1"},
		"/counter:switch":      {"", 409, "only version 1 runs: begin another one beside it with replay"},
		"/counter:switch?1":    {`{"version":1}`, 409, "version 1 is the active one already"},
		"/counter:switch?2":    {`{"version":2}`, 409, "version 2 is not among those that run"},
		"/passer:reset?latest": {`{"to":"","state":""}`, 400, "say where to"},
	} {
		t.Run(path, func(t *testing.T) { refuses(t, f.post(path, want.body), want.status, want.detail) })
	}
	if after := f.control.Spec("counter"); !reflect.DeepEqual(after, before) {
		t.Errorf("declared is %+v, and was %+v", after, before)
	}
}

// told tells and gives how the processor does then.
func told(t *testing.T, f *fixture, path, body string) (p Processor) {
	t.Helper()
	resp := f.post(path, body)
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v", path, body, resp.Status, err)
	}
	return p
}

func TestOrdersAreDeclared(t *testing.T) {
	f := newFixture(t, newCluster(t))
	if p := told(t, f, "/counter:pause", ""); !p.Paused || !p.Versions[0].Paused {
		t.Errorf("paused: %+v", p)
	}
	if p := told(t, f, "/counter:resume", "  \n"); p.Paused || p.Versions[0].Paused {
		t.Errorf("resumed: %+v", p)
	}
	told(t, f, "/counter:replay", `{"from":"latest"}`)
	told(t, f, "/counter:replay", `{"version":7}`)
	told(t, f, "/counter:pause", `{"version":2}`)
	want := control.Spec{Active: 1, Versions: []control.Version{{Version: 1}, {Version: 2, From: "latest", Paused: true}, {Version: 7, From: "start"}}}
	if got := f.control.Spec("counter"); !reflect.DeepEqual(got, want) {
		t.Errorf("declared is %+v, want %+v", got, want)
	}
	p := told(t, f, "/counter:resume", `{"version":2}`)
	if v := p.Versions[1]; v.Version != 2 || v.Paused || v.Active || v.From != "latest" || v.Group != "evident-process.counter.2" {
		t.Errorf("version 2 is %+v", v)
	}
}
