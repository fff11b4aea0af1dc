package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/proof"
)

// Prove is "evident prove".
type Prove struct {
	// URL is where the node's HTTP is.
	URL string
	// Output is the file to write; standard output if it is empty.
	Output string
	// Query finds the records, if none is named.
	Query Query
	// Unwitnessed gets a proof without waiting for witnesses.
	Unwitnessed bool
	// Anchored gets a proof with a receipt of an anchor, or none.
	Anchored bool
	// TokenFile has the node's token, which is needed from another machine; empty for none.
	TokenFile string
	// Timeout is for the node's answer.
	Timeout time.Duration
}

// maxProof bounds what is read of an answer, in bytes: a record of 1 GiB is
// larger than any broker takes.
const maxProof = 2 << 30

// Run gets the proof of a record, named TOPIC/PARTITION@OFFSET, or if that is empty
// of all records that the query finds.
func (p Prove) Run(ctx context.Context, env tool.Env, record string) error {
	path, err := p.path(record)
	if err != nil {
		return err
	}
	node, err := base(p.URL, p.Timeout)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	text, err := p.get(ctx, node+path)
	if err != nil {
		return err
	}
	if _, err := proof.ParseFile(text); err != nil {
		return fmt.Errorf("what %s answered is no proof: %w", p.URL, err)
	}
	if p.Output == "" {
		_, err = io.WriteString(env.Out, text)
		return err
	}
	if err := os.WriteFile(p.Output, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(env.Out, "wrote %s, %s: check it with \"evident verify %s --vkey KEY\"\n", p.Output, tool.Plural(len(text), "byte"), p.Output)
	return nil
}

// path returns where a node has the proof, with what it should have, or do without.
func (p Prove) path(record string) (path string, err error) {
	v := url.Values{}
	switch given := p.Query.Given(); {
	case record == "" && !given:
		return "", tool.Usagef("which record is to be proven? Name it, as in orders/3@1042, or say what to search for: --id, --key, --type, --correlation, --since")
	case record != "" && given:
		return "", tool.Usagef("%s is one record: leave out what to search for, or its name", record)
	case given:
		path = "/v1/proof"
		v, err = p.Query.values(time.Now())
	default:
		path, err = proofPath(record)
	}
	if err != nil {
		return "", err
	}
	if p.Unwitnessed {
		v.Set("unwitnessed", "1")
	}
	if p.Anchored {
		v.Set("anchored", "1")
	}
	if len(v) == 0 {
		return path, nil
	}
	return path + "?" + v.Encode(), nil
}

// proofPath returns where a node has the proof of a record.
func proofPath(record string) (string, error) {
	place, offset, ok := strings.Cut(record, "@")
	slash := strings.LastIndex(place, "/")
	if !ok || slash <= 0 {
		return "", tool.Usagef("%q is no record: write TOPIC/PARTITION@OFFSET, as in orders/3@1042", record)
	}
	topic, partition := place[:slash], place[slash+1:]
	if n, err := strconv.ParseInt(partition, 10, 32); err != nil || n < 0 {
		return "", tool.Usagef("%q is no number of a partition: write TOPIC/PARTITION@OFFSET, as in orders/3@1042", partition)
	}
	if n, err := strconv.ParseInt(offset, 10, 64); err != nil || n < 0 {
		return "", tool.Usagef("%q is no offset: write TOPIC/PARTITION@OFFSET, as in orders/3@1042", offset)
	}
	return fmt.Sprintf("/v1/topics/%s/partitions/%s/records/%s/proof", url.PathEscape(topic), partition, offset), nil
}

const noProof = "the node gives no proof"

// get asks until the record is in the ledger, or time is up.
func (p Prove) get(ctx context.Context, from string) (string, error) {
	resp, text, err := p.patiently(ctx, from, noProof)
	switch {
	case err != nil:
		return "", err
	case resp.StatusCode == http.StatusOK:
		return text, nil
	case resp.StatusCode == http.StatusNotFound && strings.HasPrefix(text, "404 page"):
		return "", p.without()
	case resp.StatusCode == http.StatusBadRequest:
		return "", tool.Usagef("%s", strings.TrimSpace(text))
	}
	return "", fmt.Errorf("%s: %s", noProof, strings.TrimSpace(text))
}

// patiently asks until the node does not say that it is worth asking again, or time
// is up: no says what it does not do then.
func (p Prove) patiently(ctx context.Context, from, no string) (*http.Response, string, error) {
	last := ""
	for {
		resp, text, err := p.ask(ctx, from)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && last != "":
			return nil, "", fmt.Errorf("%s within %v: %s", no, p.Timeout, last)
		case err != nil, resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "":
			return resp, text, err
		}
		last = strings.TrimSpace(text)
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

// without tells what a node that does not know the question lacks.
func (p Prove) without() error {
	if p.Query.Given() {
		return fmt.Errorf("the node at %s has no index: it runs with --ledger-index off, or without a ledger", p.URL)
	}
	return fmt.Errorf("the node at %s has no ledger: it runs with --ledger off, or with --kafka and without --ledger-origin", p.URL)
}

// retryAfter is a part of the second that a round of the ledger takes.
const retryAfter = 100 * time.Millisecond

func (p Prove) ask(ctx context.Context, from string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", from, err)
	}
	t, err := tool.ReadingToken(p.TokenFile)
	if err != nil {
		return nil, "", err
	}
	req.Header = t.Header()
	resp, err := http.DefaultClient.Do(req)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, "", fmt.Errorf("the node at %s did not answer within %v (--timeout): %w", p.URL, p.Timeout, err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("cannot reach the node's HTTP: %w; --url says where it is", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProof))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", from, err)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return nil, "", unauthorized(resp, body)
	}
	return resp, string(body), nil
}

// unauthorized says what a node wants to be shown.
func unauthorized(resp *http.Response, body []byte) error {
	var p problem.Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Detail == "" {
		return fmt.Errorf("%s: is there a proxy before the node that asks for a login?", resp.Status)
	}
	return fmt.Errorf("the node gives no data: %s; --token-file names a file with it", p.Detail)
}
