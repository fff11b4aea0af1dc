package declare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/manifest"
	"github.com/evidentlog/evident/internal/tool"
)

// Apply is "evident apply".
type Apply struct {
	Server
	// Files are read in this order: files, folders, "-" for the standard input.
	Files []string
	// Set names what the files are all of, and Prune deletes what the set had and
	// they have not.
	Set   string
	Prune bool
	// DeleteData lets topics go that hold records.
	DeleteData bool
	// DryRun only says what would change.
	DryRun bool
}

// Run declares what the files say: all of it, or nothing.
func (a Apply) Run(ctx context.Context, env tool.Env) error {
	switch {
	case len(a.Files) == 0:
		return tool.Usagef("what is to be declared? Name files or folders: -f app.yaml; -f - reads the standard input")
	case a.Prune && a.Set == "":
		return tool.Usagef("--prune needs --set: what the set had, and the files have no more, is what goes")
	}
	documents, err := read(a.Files, env)
	if err != nil {
		return err
	}
	if len(documents) == 0 && !a.Prune {
		return tool.Usagef("there is nothing to declare in %s", strings.Join(a.Files, ", "))
	}
	req := resource.ApplyRequest{Set: a.Set, Prune: a.Prune, DeleteData: a.DeleteData, DryRun: a.DryRun, Resources: Texts(documents)}
	var done resource.Answer
	if _, err := a.ask(ctx, http.MethodPost, resource.Prefix, req, nil, &done); err != nil {
		return Explain(err, documents)
	}
	return tell(env, &done, a.DryRun)
}

// read reads files. What is wrong with them is the caller's to mend.
func read(files []string, env tool.Env) ([]*manifest.Document, error) {
	documents, err := manifest.Load(files, env.In)
	if errors.As(err, new(manifest.Problems)) {
		return nil, &tool.UsageError{Err: err}
	}
	return documents, err
}

// Explain tells where in files that stands which a node has refused.
func Explain(err error, documents []*manifest.Document) error {
	var faults []resource.Placed
	var r *refusal
	var found *resource.FaultsError
	switch {
	case errors.As(err, &found):
		faults = found.Faults
	case errors.As(err, &r):
		faults = r.Faults
	}
	if len(faults) == 0 {
		return err
	}
	var all manifest.Problems
	for _, f := range faults {
		if f.Index >= 0 && f.Index < len(documents) {
			all = append(all, documents[f.Index].Problem(f.Pointer, f.Text))
		} else {
			all = append(all, manifest.Problem{Text: f.Text})
		}
	}
	if isStatus(err, http.StatusConflict) {
		return all
	}
	return &tool.UsageError{Err: all}
}

// tell prints what a request came to.
func tell(env tool.Env, done *resource.Answer, dryRun bool) error {
	err := env.Print(done, func(w io.Writer) {
		for i := range done.Changes {
			tellChange(w, &done.Changes[i], dryRun)
		}
		if dryRun {
			fmt.Fprintln(w, "nothing was changed; leave out --dry-run to do it")
		}
	})
	if err != nil || len(done.Failed) == 0 {
		return err
	}
	var failed []string
	for _, f := range done.Failed {
		failed = append(failed, fmt.Sprintf("%v is declared, could not be made so, and is tried again: %s", f.Key, f.Text))
	}
	return errors.New(strings.Join(failed, "\n"))
}

// words are how an action is told of: done, and to be done.
var words = map[resource.Action][2]string{
	resource.Create:    {"created", "would be created"},
	resource.Update:    {"changed", "would be changed"},
	resource.Delete:    {"deleted", "would be deleted"},
	resource.Unchanged: {"unchanged", "unchanged"},
}

func tellChange(w io.Writer, c *resource.Change, dryRun bool) {
	which := 0
	if dryRun {
		which = 1
	}
	text := words[c.Action][which]
	if len(c.Drift) > 0 {
		text = [2]string{"set right", "would be set right"}[which]
	}
	fmt.Fprintf(w, "%v %s\n", c.Key, text)
	if c.Action == resource.Update {
		for _, d := range c.Differences {
			fmt.Fprintf(w, "  %v\n", d)
		}
	}
	for _, d := range c.Drift {
		fmt.Fprintf(w, "  %v\n", resource.Difference{Pointer: d.Pointer, Before: d.After, After: d.Before})
	}
}

// Texts are documents as JSON.
func Texts(documents []*manifest.Document) []json.RawMessage {
	var all []json.RawMessage
	for _, d := range documents {
		all = append(all, d.JSON)
	}
	return all
}
