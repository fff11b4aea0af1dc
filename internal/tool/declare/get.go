package declare

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/tool"
)

// Get is "evident get".
type Get struct {
	Server
	// Labels choose: NAME, or NAME=VALUE.
	Labels []string
	// YAML prints what can be applied again.
	YAML bool
}

// Run prints what is declared: all, of a kind, or one.
func (g Get) Run(ctx context.Context, env tool.Env, args []string) error {
	all, err := g.find(ctx, args)
	if err != nil {
		return err
	}
	if g.YAML {
		for i, v := range all {
			if i > 0 {
				if _, err := io.WriteString(env.Out, "---\n"); err != nil {
					return err
				}
			}
			if err := writeYAML(env.Out, v.Resource); err != nil {
				return err
			}
		}
		return nil
	}
	return env.Print(all, func(w io.Writer) {
		tool.Row(w, "KIND", "NAME", "REVISION", "CHANGED", "BY")
		for _, v := range all {
			tool.Row(w, v.Key.Kind, v.Key.Name, v.Revision, v.Time.UTC().Format(time.RFC3339), v.Actor)
		}
	})
}

func (g Get) find(ctx context.Context, args []string) ([]*resource.Version, error) {
	if len(args) == 2 || len(args) == 1 && strings.Contains(args[0], "/") {
		k, err := keyOf(args)
		if err != nil {
			return nil, err
		}
		v, _, err := g.get(ctx, k)
		return []*resource.Version{v}, err
	}
	path := resource.Prefix
	for _, kind := range args {
		path += "/" + url.PathEscape(kind)
	}
	var list struct {
		Resources []*resource.Version `json:"resources"`
	}
	_, err := g.ask(ctx, http.MethodGet, path+"?"+url.Values{"label": g.Labels}.Encode(), nil, nil, &list)
	return list.Resources, err
}

// keyOf reads KIND NAME, or KIND/NAME.
func keyOf(args []string) (resource.Key, error) {
	k, err := resource.ParseKey(strings.Join(args, "/"))
	if err != nil {
		return k, &tool.UsageError{Err: err}
	}
	return k, nil
}

// writeYAML writes a resource as it can be applied.
func writeYAML(w io.Writer, v any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text.Bytes(), &root); err != nil { // JSON is YAML, and its fields have an order
		return err
	}
	plain(&root)
	out := yaml.NewEncoder(w)
	out.SetIndent(2)
	if err := out.Encode(&root); err != nil {
		return err
	}
	return out.Close()
}

// isTruth tells whether YAML 1.1, which many programs read still, takes a text for true or
// false unless it is in quotes.
func isTruth(text string) bool {
	return slices.Contains([]string{"on", "off", "yes", "no", "y", "n"}, strings.ToLower(text))
}

// plain takes the looks of JSON from a value.
func plain(n *yaml.Node) {
	empty := len(n.Content) == 0 && (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode)
	switch {
	case n.Kind == yaml.ScalarNode && isTruth(n.Value):
	case !empty:
		n.Style = 0
	}
	for _, c := range n.Content {
		plain(c)
	}
}
