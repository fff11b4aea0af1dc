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

// Describe is "evident describe".
type Describe struct{ Server }

// described is what the command prints.
type described struct {
	*resource.Version
	// Status is what the node that writes knows of it; nil if none was to be found.
	Status *resource.Status `json:"status"`
}

// Run prints a resource with all that is known of it.
func (d Describe) Run(ctx context.Context, env tool.Env, args []string) error {
	k, err := keyOf(args)
	if err != nil {
		return err
	}
	all := described{}
	if all.Version, _, err = d.get(ctx, k); err != nil {
		return err
	}
	_, err = d.ask(ctx, http.MethodGet, pathOf(k)+"/status", nil, nil, &all.Status)
	if err != nil && !isStatus(err, http.StatusServiceUnavailable) {
		return err
	}
	if env.JSON {
		return env.Print(all, nil)
	}
	if err := env.Print(nil, all.head); err != nil {
		return err
	}
	return writeYAML(env.Out, all.Resource)
}

func (d described) head(w io.Writer) {
	tool.Row(w, "Revision", d.Revision)
	tool.Row(w, "Changed", d.Time.UTC().Format(time.RFC3339), "by "+d.Actor, "in request "+d.Request)
	if d.Created != d.Revision {
		tool.Row(w, "Declared first", fmt.Sprintf("revision %d", d.Created))
	}
	tool.Row(w, "Status", statusText(d.Status))
	if d.Status == nil {
		return
	}
	for _, drift := range d.Status.Drift {
		tool.Row(w, "", drift)
	}
}

// statusText says how what is there compares with what is declared.
func statusText(s *resource.Status) string {
	switch {
	case s == nil:
		return "not known: no node writes what is declared at the moment"
	case s.Error != "":
		return "could not be made so, and is tried again: " + s.Error
	case len(s.Drift) > 0:
		return "what is there differs, until this is applied again (declared -> there)"
	case s.Ready:
		return "as declared, looked at " + s.Checked.UTC().Format(time.RFC3339)
	}
	return "nobody has looked yet"
}
