// Package tool is what stands behind the client commands of cmd/evident:
// connecting to a node, printing for people and for scripts, and errors that
// say what to do. Its subpackages are the commands themselves, as structs whose
// fields are their flags.
//
// It is not an SDK: it talks to whoever typed the command. It knows nothing of
// how commands and flags are spelt beyond naming them in messages.
package tool

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/config"
)

// Env is what a command runs with. It is made once for each run of a command
// and not changed afterwards.
type Env struct {
	// In, Out and Err are the standard streams.
	In       io.Reader
	Out, Err io.Writer
	// Progress says that somebody looks at Err, so that long work shows a bar.
	Progress bool
	// Quiet says that Out is not where somebody looks, so that a bar on the same
	// terminal does not run into what is printed.
	Quiet bool
	// JSON says that a script reads Out.
	JSON bool
	// AskPassword asks a person who sits at In, without showing what is typed. nil:
	// nobody does.
	AskPassword func(prompt string) (string, error)
	// Cluster is the node, or the cluster, to talk to.
	Cluster config.Client
}

// Admin connects and calls f, which has the time that the cluster has for an
// answer.
func (e Env) Admin(ctx context.Context, f func(context.Context, *kadm.Client) error) error {
	c, err := e.Connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	timely, cancel := context.WithTimeout(ctx, e.Cluster.Timeout)
	defer cancel()
	return c.Explain(ctx, f(timely, kadm.NewClient(c.Client)))
}

// Print writes v as JSON if a script reads, and otherwise calls text with
// a writer that aligns columns separated by tabs.
func (e Env) Print(v any, text func(w io.Writer)) error {
	if e.JSON {
		encoder := json.NewEncoder(e.Out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(v)
	}
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// Row writes one line of a table.
func Row(w io.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = fmt.Sprint(c)
	}
	fmt.Fprintln(w, strings.Join(texts, "\t"))
}

// Plural is n with its noun: "1 record", "2 records".
func Plural[N int | int32 | int64](n N, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
