package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/standby"
)

// A Processor is how one does.
type Processor struct {
	Name string `json:"name"`
	// Paused: nothing of it runs.
	Paused bool `json:"paused"`
	// Active is the version whose outputs count.
	Active   int       `json:"active"`
	Versions []Version `json:"versions"`
}

// A Version is how a version does.
type Version struct {
	Version int `json:"version"`
	// Active: its outputs count; those of others are withheld.
	Active bool `json:"active"`
	Paused bool `json:"paused,omitempty"`
	// From and Continues are as declared.
	From      string   `json:"from,omitempty"`
	Continues int      `json:"continues,omitempty"`
	Group     string   `json:"group"`
	Inputs    []string `json:"inputs"`
	Stores    []string `json:"stores,omitempty"`
	// Lag is how many records wait; -1 if that is not known.
	Lag int64 `json:"lag"`
	// Error is why it does not run on the node that answers.
	Error string `json:"error,omitempty"`
	// Members are the nodes that run it.
	Members []Member `json:"members"`
	// Tasks are all, by number; of a list of processors none.
	Tasks []Task `json:"tasks,omitempty"`
}

// A Member is a node that runs a version.
type Member struct {
	Instance string  `json:"instance"`
	Address  string  `json:"address,omitempty"`
	Tasks    []int32 `json:"tasks"`
	Standbys []int32 `json:"standbys,omitempty"`
}

// A Task is how a task does.
type Task struct {
	Partition int32 `json:"partition"`
	// Owner is the node that has it; empty while it moves.
	Owner   string `json:"owner,omitempty"`
	Address string `json:"address,omitempty"`
	// State is what it does: restoring, running or stopped; empty if its owner does not say.
	State  string  `json:"state,omitempty"`
	Reason string  `json:"reason,omitempty"`
	Inputs []Input `json:"inputs,omitempty"`
	Lag    int64   `json:"lag"`
	// Restored and ToRestore are changes of the changelog, while it restores.
	Restored  int64  `json:"restored,omitempty"`
	ToRestore int64  `json:"toRestore,omitempty"`
	Standbys  []Copy `json:"standbys,omitempty"`
}

// An Input is a partition of a task.
type Input struct {
	Topic string `json:"topic"`
	Next  int64  `json:"next"`
	End   int64  `json:"end"`
}

// A Copy is a standby's.
type Copy struct {
	Instance string `json:"instance"`
	Address  string `json:"address,omitempty"`
	// Lag is how many offsets of the changelog it is behind; -1 if it does not say.
	Lag int64 `json:"lag"`
}

// local is what a node knows of its own part of a version.
type local struct {
	Instance string          `json:"instance"`
	Tasks    []Task          `json:"tasks"`
	Copies   map[int32]int64 `json:"copies"` // lags of its standbys
}

func (a *API) list(w http.ResponseWriter, r *http.Request) {
	all := []Processor{}
	for _, name := range a.Control.Names() {
		p := a.processor(r.Context(), name)
		for i := range p.Versions {
			p.Versions[i].Tasks = nil
		}
		all = append(all, p)
	}
	problem.JSON(w, map[string]any{"processors": all})
}

func (a *API) describe(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !a.known(w, name) {
		return
	}
	if r.URL.Query().Get("local") == "true" {
		problem.JSON(w, a.locals(name))
		return
	}
	p := a.processor(r.Context(), name)
	a.gather(r, &p)
	problem.JSON(w, p)
}

// processor is what this node and the cluster know of a processor.
func (a *API) processor(ctx context.Context, name string) Processor {
	s := a.Control.Spec(name)
	p := Processor{Name: name, Paused: s.Paused, Active: s.Active}
	for _, v := range s.Versions {
		p.Versions = append(p.Versions, a.version(ctx, name, s, v))
	}
	return p
}

func (a *API) version(ctx context.Context, name string, s control.Spec, v control.Version) Version {
	code, _ := a.Control.Code(name, v.Version)
	out := Version{
		Version: v.Version, Active: v.Version == s.Active, Paused: s.Paused || v.Paused, From: v.From, Continues: v.Continues,
		Group: group.Name(name, v.Version), Inputs: code.Inputs, Lag: -1, Members: []Member{},
	}
	for _, st := range code.Stores {
		out.Stores = append(out.Stores, st.Name)
	}
	if err := a.failed(name, v.Version); err != nil {
		out.Error = err.Error()
	}
	if lags, err := kadm.NewClient(a.Client).Lag(ctx, out.Group); err == nil {
		if l := lags[out.Group]; l.Error() == nil {
			out.Lag = l.Lag.Total()
		}
	}
	out.members(a.group(name, v.Version))
	return out
}

// failed is why a version does not run on this node though it is to; nil if it does.
func (a *API) failed(name string, version int) error {
	if err := a.Control.Failed(name, version); err != nil {
		return err
	}
	if run, ok := a.Find(name, version); ok {
		return run.Trouble()
	}
	return nil
}

// group is this node's side of a version's group; nil if it has none.
func (a *API) group(name string, version int) *group.Group {
	run, ok := a.Find(name, version)
	if !ok {
		return nil
	}
	return run.Group()
}

// members notes who has which task and which copy.
func (v *Version) members(g *group.Group) {
	if g == nil {
		return
	}
	for _, m := range g.Members() {
		v.Members = append(v.Members, Member{m.Instance, m.Address, orEmpty(m.Tasks), m.Standbys})
		for _, t := range m.Tasks {
			task := v.task(t)
			task.Owner, task.Address = m.Instance, m.Address
		}
		for _, t := range m.Standbys {
			task := v.task(t)
			task.Standbys = append(task.Standbys, Copy{m.Instance, m.Address, -1})
		}
	}
	slices.SortFunc(v.Tasks, func(a, b Task) int { return cmp.Compare(a.Partition, b.Partition) })
}

func orEmpty(all []int32) []int32 {
	if all == nil {
		return []int32{}
	}
	return all
}

// task is that of a number, made if there is none yet.
func (v *Version) task(n int32) *Task {
	for i := range v.Tasks {
		if v.Tasks[i].Partition == n {
			return &v.Tasks[i]
		}
	}
	v.Tasks = append(v.Tasks, Task{Partition: n})
	return &v.Tasks[len(v.Tasks)-1]
}

// locals are this node's parts of a processor's versions, by version.
func (a *API) locals(name string) map[int]local {
	all := map[int]local{}
	for _, v := range a.Control.Spec(name).Versions {
		run, ok := a.Find(name, v.Version)
		if !ok || run.Group() == nil {
			continue
		}
		l := local{Copies: map[int32]int64{}}
		for _, m := range run.Group().Members() {
			if m.Self {
				l.Instance = m.Instance
			}
		}
		for _, s := range run.Tasks() {
			t := Task{Partition: s.Task.Partition, State: s.State.String(), Reason: s.Reason, Lag: s.Lag, Restored: s.Restored, ToRestore: s.ToRestore}
			for _, in := range s.Inputs {
				t.Inputs = append(t.Inputs, Input{in.Topic, in.Next, in.End})
			}
			l.Tasks = append(l.Tasks, t)
		}
		for task, c := range run.Copies() {
			if c.Role == standby.Standby {
				l.Copies[task] = c.Lag()
			}
		}
		all[v.Version] = l
	}
	return all
}

// gather adds what the nodes say of their parts. One that does not answer is left out.
func (a *API) gather(r *http.Request, p *Processor) {
	parts := []map[int]local{a.locals(p.Name)}
	for _, base := range p.others(parts[0]) {
		part := map[int]local{}
		if a.fetchJSON(r.Context(), r, base, "local=true", &part) == nil {
			parts = append(parts, part)
		}
	}
	for _, part := range parts {
		for i := range p.Versions {
			if l, ok := part[p.Versions[i].Version]; ok {
				p.Versions[i].add(l)
			}
		}
	}
}

// others are the addresses of the nodes that run p beside this one.
func (p *Processor) others(own map[int]local) (all []string) {
	for _, v := range p.Versions {
		for _, m := range v.Members {
			if m.Address != "" && m.Instance != own[v.Version].Instance && !slices.Contains(all, m.Address) {
				all = append(all, m.Address)
			}
		}
	}
	return all
}

// add adds what a node says of its tasks and copies.
func (v *Version) add(l local) {
	for _, said := range l.Tasks {
		for i := range v.Tasks {
			t := &v.Tasks[i]
			if t.Partition == said.Partition && t.Owner == l.Instance {
				said.Owner, said.Address, said.Standbys = t.Owner, t.Address, t.Standbys
				*t = said
			}
		}
	}
	for i := range v.Tasks {
		for j := range v.Tasks[i].Standbys {
			c := &v.Tasks[i].Standbys[j]
			if lag, ok := l.Copies[v.Tasks[i].Partition]; ok && c.Instance == l.Instance {
				c.Lag = lag
			}
		}
	}
}
