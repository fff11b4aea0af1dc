package declare

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/manifest"
	"github.com/evidentlog/evident/internal/tool"
)

// Delete is "evident delete".
type Delete struct {
	Server
	// Files declare what is to go, if no arguments name it.
	Files []string
	// DeleteData lets topics go that hold records.
	DeleteData bool
	// DryRun only says what would go.
	DryRun bool
}

// Run declares things no more.
func (d Delete) Run(ctx context.Context, env tool.Env, args []string) error {
	if (len(args) == 0) == (len(d.Files) == 0) {
		return tool.Usagef("what is to go? Name KIND NAME, as in Topic orders, or files that declare it: -f app.yaml")
	}
	req := resource.ApplyRequest{DeleteData: d.DeleteData, DryRun: d.DryRun}
	if len(args) > 0 {
		k, err := keyOf(args)
		if err != nil {
			return err
		}
		req.Delete = []string{k.String()}
	}
	documents, err := d.documents(env)
	if err != nil {
		return err
	}
	var wrong manifest.Problems
	for _, doc := range documents {
		var r resource.Resource
		if json.Unmarshal(doc.JSON, &r) != nil || r.Kind == "" || r.Metadata.Name == "" {
			wrong = append(wrong, doc.Problem("", "a declaration has a kind, and a metadata with a name"))
		}
		req.Delete = append(req.Delete, r.Key().String())
	}
	if len(wrong) > 0 {
		return &tool.UsageError{Err: wrong}
	}
	var done resource.Answer
	if _, err := d.ask(ctx, http.MethodPost, resource.Prefix, req, nil, &done); err != nil {
		return refused(err)
	}
	return tell(env, &done, d.DryRun)
}

func (d Delete) documents(env tool.Env) ([]*manifest.Document, error) {
	if len(d.Files) == 0 {
		return nil, nil
	}
	return read(d.Files, env)
}

// refused tells all that was wrong with a request, a line each.
func refused(err error) error {
	if isStatus(err, http.StatusUnprocessableEntity) { // it was typed well: there is no such thing
		var all manifest.Problems
		for _, f := range err.(*refusal).Faults {
			all = append(all, manifest.Problem{Text: f.Text})
		}
		if len(all) > 0 {
			return all
		}
	}
	return err
}
