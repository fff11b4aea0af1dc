// Package processor is what "evident processor" does: it shows processors and their
// state, and steers them, over a node's HTTP.
package processor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/evidentlog/evident/internal/process/api"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/declare"
)

// List is "evident processor list".
type List struct{ declare.Server }

// Run prints all processors.
func (l List) Run(ctx context.Context, env tool.Env) error {
	var all struct {
		Processors []api.Processor `json:"processors"`
	}
	if _, err := l.Ask(ctx, http.MethodGet, api.Prefix, nil, &all); err != nil {
		return err
	}
	return env.Print(all.Processors, func(w io.Writer) {
		tool.Row(w, "PROCESSOR", "VERSION", "STATE", "NODES", "TASKS", "LAG", "INPUTS")
		for _, p := range all.Processors {
			for _, v := range p.Versions {
				tool.Row(w, p.Name, v.Version, doing(v), len(v.Members), tasks(v), lag(v.Lag), strings.Join(v.Inputs, ","))
			}
		}
	})
}

// doing says what a version does.
func doing(v api.Version) string {
	switch {
	case v.Error != "":
		return "failed"
	case v.Paused:
		return "paused"
	case !v.Active:
		return "outputs withheld"
	case len(v.Members) == 0:
		return "starting"
	}
	return "active"
}

func tasks(v api.Version) (n int) {
	for _, m := range v.Members {
		n += len(m.Tasks)
	}
	return n
}

func lag(n int64) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// Describe is "evident processor describe".
type Describe struct{ declare.Server }

// Run prints how a processor does.
func (d Describe) Run(ctx context.Context, env tool.Env, name string) error {
	var p api.Processor
	if _, err := d.Ask(ctx, http.MethodGet, pathOf(name), nil, &p); err != nil {
		return err
	}
	return env.Print(p, func(w io.Writer) { describe(w, p) })
}

func pathOf(name string) string { return api.Prefix + "/" + url.PathEscape(name) }

func describe(w io.Writer, p api.Processor) {
	for i, v := range p.Versions {
		if i > 0 {
			tool.Row(w)
		}
		tool.Row(w, "Version", fmt.Sprintf("%d of %s, %s", v.Version, p.Name, doing(v)))
		tool.Row(w, "Inputs", strings.Join(v.Inputs, ", "))
		tool.Row(w, "Group", v.Group)
		tool.Row(w, "Lag", lag(v.Lag))
		if len(v.Stores) > 0 {
			tool.Row(w, "Stores", strings.Join(v.Stores, ", "))
		}
		if v.Continues != 0 {
			tool.Row(w, "Continues", fmt.Sprintf("version %d, from where that stopped", v.Continues))
		}
		if v.Error != "" {
			tool.Row(w, "Error", v.Error)
		}
		describeTasks(w, v.Tasks)
	}
}

func describeTasks(w io.Writer, all []api.Task) {
	if len(all) == 0 {
		return
	}
	tool.Row(w)
	tool.Row(w, "TASK", "OWNER", "STATE", "LAG", "RESTORED", "STANDBYS")
	for _, t := range all {
		owner, state, restored := t.Owner, t.State, "-"
		if owner == "" {
			owner, state = "-", "moving"
		}
		if state == "" {
			state = "not known"
		}
		if t.Reason != "" {
			state += ": " + t.Reason
		}
		if t.ToRestore > 0 {
			restored = fmt.Sprintf("%d of %d", t.Restored, t.ToRestore)
		}
		var copies []string
		for _, c := range t.Standbys {
			copies = append(copies, fmt.Sprintf("%s (%s behind)", c.Instance, lag(c.Lag)))
		}
		tool.Row(w, t.Partition, owner, state, t.Lag, restored, strings.Join(copies, ", "))
	}
}

// Tell is what steers a processor: pause, resume, reset, replay and switch.
type Tell struct {
	declare.Server
	api.Order
	// Verb is what it is told to.
	Verb string
	// Done says what came of it, with the name.
	Done string
}

// Run tells a processor.
func (t Tell) Run(ctx context.Context, env tool.Env, name string) error {
	var p api.Processor
	if _, err := t.Ask(ctx, http.MethodPost, pathOf(name)+":"+t.Verb, t.Order, &p); err != nil {
		return err
	}
	return env.Print(p, func(w io.Writer) { tool.Row(w, fmt.Sprintf(t.Done, name)) })
}

// State is "evident processor state".
type State struct {
	declare.Server
	Store     string
	Version   int
	Partition int32 // -1: by the key
	Stale     bool
	From, To  string
	Limit     int
}

// Run prints the value of a key, or the keys of a task.
func (s State) Run(ctx context.Context, env tool.Env, args []string) error {
	q := url.Values{}
	set := func(name, value string, is bool) {
		if is {
			q.Set(name, value)
		}
	}
	set("store", s.Store, s.Store != "")
	set("version", fmt.Sprint(s.Version), s.Version != 0)
	set("partition", fmt.Sprint(s.Partition), s.Partition >= 0)
	set("stale", "ok", s.Stale)
	if len(args) == 2 {
		return s.value(ctx, env, pathOf(args[0])+"/state/"+url.PathEscape(args[1])+"?"+q.Encode())
	}
	if s.Partition < 0 {
		return tool.Usagef("without a key it is a range of one task: --partition says of which")
	}
	set("from", s.From, s.From != "")
	set("to", s.To, s.To != "")
	set("limit", fmt.Sprint(s.Limit), s.Limit != 0)
	var found api.Scan
	if _, err := s.Read(ctx, pathOf(args[0])+"/state?"+q.Encode(), &found); err != nil {
		return err
	}
	err := env.Print(found, func(w io.Writer) {
		for _, e := range found.Entries {
			tool.Row(w, text(e.Key, e.KeyBase64), text(e.Value, e.ValueBase64))
		}
	})
	switch {
	case found.NextBase64 != nil: // no flag can say it
		fmt.Fprintln(env.Err, "there is more: give a larger --limit")
	case found.More:
		fmt.Fprintf(env.Err, "there is more: go on with --from %q\n", found.Next)
	}
	return err
}

func text(s string, raw []byte) string {
	if raw != nil {
		return fmt.Sprintf("%x", raw)
	}
	return s
}

// value prints a value as it is.
func (s State) value(ctx context.Context, env tool.Env, path string) error {
	var raw []byte
	header, err := s.Read(ctx, path, &raw)
	if err != nil {
		return err
	}
	if env.JSON {
		return env.Print(map[string]any{"value": raw, "partition": header.Get("Evident-Partition"), "position": header.Get("Evident-Position"), "lag": header.Get("Evident-Lag")}, nil)
	}
	_, err = env.Out.Write(raw)
	if !strings.HasSuffix(string(raw), "\n") {
		_, again := io.WriteString(env.Out, "\n")
		err = errors.Join(err, again)
	}
	return err
}
