package declare

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/tool"
)

// History is "evident history".
type History struct{ Server }

// Run prints every version of a resource, the oldest first, and how it differs from
// the one before.
func (h History) Run(ctx context.Context, env tool.Env, args []string) error {
	k, err := keyOf(args)
	if err != nil {
		return err
	}
	var all struct {
		Versions []*resource.Version `json:"versions"`
	}
	if _, err := h.ask(ctx, http.MethodGet, pathOf(k)+"/history", nil, nil, &all); err != nil {
		return err
	}
	if env.JSON {
		return env.Print(all.Versions, nil)
	}
	var before *resource.Resource
	for _, v := range all.Versions {
		if err := tellVersion(env.Out, before, v); err != nil {
			return err
		}
		before = v.Resource
	}
	return nil
}

func tellVersion(w io.Writer, before *resource.Resource, v *resource.Version) error {
	action := words[resource.Update][0]
	switch {
	case v.Resource == nil:
		action = words[resource.Delete][0]
	case before == nil:
		action = words[resource.Create][0]
	}
	_, err := fmt.Fprintf(w, "revision %d, %s: %s by %s\n", v.Revision, v.Time.UTC().Format(time.RFC3339), action, v.Actor)
	if err != nil || v.Resource == nil || before == nil {
		return err
	}
	all, err := resource.Diff(before, v.Resource)
	if err != nil {
		return err
	}
	for _, d := range all {
		if _, err := fmt.Fprintf(w, "  %v\n", d); err != nil {
			return err
		}
	}
	return nil
}
