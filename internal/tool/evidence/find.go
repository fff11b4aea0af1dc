package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/ledger/search"
	"github.com/evidentlog/evident/internal/tool"
)

// Find is "evident find".
type Find struct {
	Query
	// URL is where the node's HTTP is.
	URL string
	// TokenFile has the node's token, which is needed from another machine; empty for none.
	TokenFile string
	// Timeout is for the node's answer.
	Timeout time.Duration
}

// Run prints where the records are that fit. That not all could be searched is an
// error, after what was found.
func (f Find) Run(ctx context.Context, env tool.Env) error {
	v, err := f.values(time.Now())
	if err != nil {
		return err
	}
	node, err := base(f.URL, f.Timeout)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	text, err := f.ask(ctx, node+"/v1/search?"+v.Encode())
	if err != nil {
		return err
	}
	var a search.Answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return fmt.Errorf("what %s answered is no result of a search: %w", f.URL, err)
	}
	if err := env.Print(a, func(w io.Writer) { foundText(w, a.Records) }); err != nil {
		return err
	}
	f.notes(env, &a)
	return unsearched(&a)
}

const noSearch = "the node does not search"

// ask asks until the node is not busy, or time is up.
func (f Find) ask(ctx context.Context, from string) (string, error) {
	p := Prove{URL: f.URL, TokenFile: f.TokenFile, Timeout: f.Timeout}
	resp, text, err := p.patiently(ctx, from, noSearch)
	switch {
	case err != nil:
		return "", err
	case resp.StatusCode == http.StatusBadRequest:
		return "", tool.Usagef("%s", strings.TrimSpace(text))
	case strings.HasPrefix(text, "404 page"):
		return "", fmt.Errorf("the node at %s has no index: it must not run with --ledger off or --ledger-index off", f.URL)
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s: %s", noSearch, strings.TrimSpace(text))
	}
	return text, nil
}

// notes tells what else there may be.
func (f Find) notes(env tool.Env, a *search.Answer) {
	if len(a.Records) == 0 && a.Next == "" {
		fmt.Fprintln(env.Err, "no record fits")
	}
	if a.Cut != "" {
		fmt.Fprintf(env.Err, "the search was cut: %s\n", a.Cut)
	}
	if a.Next != "" {
		fmt.Fprintf(env.Err, "there may be more: go on with --cursor %s\n", a.Next)
	}
	for _, b := range a.Behind {
		fmt.Fprintf(env.Err, "%s/%d could be searched up to offset %d only, and has %d: the index is not there yet\n", b.Topic, b.Partition, b.Searched, b.End)
	}
	for _, e := range a.Elsewhere {
		fmt.Fprintf(env.Err, "not searched, since another node of the ledger has the index: %s %s of topic %s\n",
			plural(len(e.Partitions), "partition"), numbers(e.Partitions), e.Topic)
	}
}

// unsearched is the error that says that not all was searched; nil if all was.
func unsearched(a *search.Answer) error {
	if len(a.Behind) == 0 && len(a.Elsewhere) == 0 {
		return nil
	}
	n := len(a.Behind)
	for _, e := range a.Elsewhere {
		n += len(e.Partitions)
	}
	return fmt.Errorf("the answer is not complete: %s could not be searched, or not to the end", tool.Plural(n, "partition"))
}

// plural is a word for one or more things, without their number.
func plural(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

// numbers gives the first numbers of a list to read.
func numbers(list []int32) string {
	const most = 20
	var text []string
	for _, n := range list[:min(most, len(list))] {
		text = append(text, strconv.Itoa(int(n)))
	}
	if n := len(list) - most; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(text, ", "), n)
	}
	return strings.Join(text, ", ")
}

func foundText(w io.Writer, found []search.Found) {
	if len(found) == 0 {
		return
	}
	tool.Row(w, "RECORD", "TIME", "KEY", "ID", "TYPE", "CORRELATION")
	for i := range found {
		r := &found[i]
		at := time.UnixMilli(r.Timestamp).UTC().Format("2006-01-02T15:04:05.000Z07:00")
		tool.Row(w, fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset), at, show(r.Key, r.KeyB64),
			orNone(r.ID), orNone(r.Type), orNone(r.Correlation))
	}
}

// orNone gives an attribute to read.
func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return show(&s, nil)
}
