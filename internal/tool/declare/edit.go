package declare

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"

	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/manifest"
	"github.com/evidentlog/evident/internal/tool"
)

// Edit is "evident edit".
type Edit struct {
	Server
	// Editor is the command line of one, which gets the file's name.
	Editor string
}

// Run lets somebody edit a resource, and declares what came of it unless it was
// changed meanwhile.
func (e Edit) Run(ctx context.Context, env tool.Env, args []string) error {
	k, err := keyOf(args)
	if err != nil {
		return err
	}
	v, etag, err := e.get(ctx, k)
	if err != nil {
		return err
	}
	var before bytes.Buffer
	if err := writeYAML(&before, v.Resource); err != nil {
		return err
	}
	file, after, err := e.edit(ctx, env, before.Bytes())
	if err != nil {
		return err
	}
	if bytes.Equal(after, before.Bytes()) {
		fmt.Fprintf(env.Err, "%v was not changed\n", k)
		return os.Remove(file)
	}
	done, err := e.declare(ctx, k, etag, file, after)
	if err != nil {
		fmt.Fprintf(env.Err, "what you wrote is kept in %s\n", file)
		return err
	}
	if err := os.Remove(file); err != nil {
		return err
	}
	return tell(env, done, false)
}

// edit has a text edited in a file.
func (e Edit) edit(ctx context.Context, env tool.Env, text []byte) (file string, edited []byte, err error) {
	f, err := os.CreateTemp("", "evident-*.yaml")
	if err != nil {
		return "", nil, err
	}
	_, err = f.Write(text)
	if err := cmp.Or(err, f.Close()); err != nil {
		return "", nil, err
	}
	run := exec.CommandContext(ctx, "sh", "-c", cmp.Or(e.Editor, "vi")+` "$1"`, "sh", f.Name())
	run.Stdin, run.Stdout, run.Stderr = env.In, env.Err, env.Err
	if err := run.Run(); err != nil {
		return "", nil, fmt.Errorf("the editor failed (%s): %w; VISUAL or EDITOR names another; what you wrote is kept in %s", cmp.Or(e.Editor, "vi"), err, f.Name())
	}
	edited, err = os.ReadFile(f.Name())
	return f.Name(), edited, err
}

func (e Edit) declare(ctx context.Context, k resource.Key, etag, file string, text []byte) (*resource.Answer, error) {
	documents, err := manifest.Read(file, bytes.NewReader(text))
	if err != nil {
		return nil, &tool.UsageError{Err: err}
	}
	if len(documents) != 1 {
		return nil, tool.Usagef("%s has %d declarations, and one is edited", file, len(documents))
	}
	done := new(resource.Answer)
	_, err = e.ask(ctx, http.MethodPut, pathOf(k), documents[0].JSON, http.Header{"If-Match": {etag}}, done)
	return done, Explain(err, documents)
}
