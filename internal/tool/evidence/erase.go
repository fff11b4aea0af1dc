package evidence

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/ledger/erasure"
	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
)

// Erase is "evident erase".
type Erase struct {
	// URL is where the node's HTTP is.
	URL string
	// TokenFile has the node's token.
	TokenFile string
	// Topic, with Key or Before, are the records that are meant if none are named.
	Topic, Before string
	Key           *string
	// DryRun only shows what would be done; Yes does it without asking.
	DryRun, Yes bool
	// List shows what was erased of a partition, named TOPIC/PARTITION.
	List string
	// Timeout is for the node's answer.
	Timeout time.Duration
}

// Run erases records, named TOPIC/PARTITION@OFFSET or TOPIC/PARTITION@FIRST-LAST.
func (e Erase) Run(ctx context.Context, env tool.Env, records []string) error {
	if e.List != "" {
		return e.list(ctx, env)
	}
	request, err := e.request(records)
	if err != nil {
		return err
	}
	plan := request
	plan.DryRun = true
	if e.DryRun || !e.Yes {
		planned, err := e.ask(ctx, plan)
		if err != nil {
			return err
		}
		if e.DryRun || len(planned.Erased) == 0 {
			return e.print(env, planned)
		}
		if err := e.confirm(env, planned); err != nil {
			return err
		}
	}
	done, err := e.ask(ctx, request)
	if err != nil {
		return err
	}
	if err := e.print(env, done); err != nil {
		return err
	}
	return incomplete(done)
}

// request says what is meant.
func (e Erase) request(records []string) (erasure.Request, error) {
	r := erasure.Request{Records: records, Topic: e.Topic}
	if e.Key != nil {
		r.Key = []byte(*e.Key)
	}
	if e.Before != "" {
		ms, err := offset.ParseTime(strings.TrimPrefix(e.Before, "@"), time.Now())
		if err != nil {
			return r, tool.Usagef("--before %q is no time: write 2026-01-31, 2026-01-31T08:00:00Z, 1769846400000 (ms) or -1h (ago)", e.Before)
		}
		before := time.UnixMilli(ms).UTC()
		r.Before = &before
	}
	if len(records) == 0 && e.Topic == "" {
		return r, tool.Usagef("what is to be erased? Name records, as in orders/3@1042, or give --topic with --key or --before")
	}
	if err := r.Validate(); err != nil {
		return r, &tool.UsageError{Err: err}
	}
	return r, nil
}

// confirm asks whoever sits at the terminal.
func (e Erase) confirm(env tool.Env, planned *erasure.Result) error {
	if env.AskPassword == nil {
		return tool.Usagef("what is erased does not come back, and nobody is here to be asked: give --yes, or --dry-run to see what would go")
	}
	for _, p := range planned.Erased {
		fmt.Fprintf(env.Err, "%s/%d@%s: %s%s\n", p.Topic, p.Partition, p.Offsets, tool.Plural(p.Count, "offset"), copyOf(&p))
	}
	fmt.Fprint(env.Err, "Erase this for good? Type yes: ")
	answer, err := bufio.NewReader(env.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was erased")
	}
	return nil
}

func copyOf(p *erasure.Erased) string {
	if p.CopyOf == "" {
		return ""
	}
	return ", copied from " + p.CopyOf
}

// incomplete is an error if not all of what was asked for is gone.
func incomplete(r *erasure.Result) error {
	var remains, unreadable, pending, failed []string
	for _, p := range r.Erased {
		at := fmt.Sprintf("%s/%d@%s", p.Topic, p.Partition, p.Offsets)
		switch {
		case p.Unreadable != "":
			unreadable = append(unreadable, fmt.Sprintf("%s/%d@%s", p.Topic, p.Partition, p.Unreadable))
		case p.Records == erasure.Remains:
			remains = append(remains, at)
		case p.Records == erasure.Pending:
			pending = append(pending, at+": "+p.Error)
		case p.Records == erasure.Failed:
			failed = append(failed, at+": "+p.Error)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("not erased: %s", strings.Join(failed, "; "))
	}
	if len(pending) > 0 {
		return fmt.Errorf("noted, and not completed: the node goes on with it until it succeeds: %s", strings.Join(pending, "; "))
	}
	if len(unreadable) > 0 {
		return fmt.Errorf("the salts are destroyed, and some records remain, since their batches cannot be read (erase all offsets of such a batch, and it goes as a whole): %s", strings.Join(unreadable, "; "))
	}
	if len(remains) > 0 {
		return fmt.Errorf("the salts are destroyed, and nobody can prove these records any more, but the records remain on the Kafka cluster, which erases no single records: %s", strings.Join(remains, "; "))
	}
	return nil
}

func (e Erase) print(env tool.Env, r *erasure.Result) error {
	return env.Print(r, func(w io.Writer) {
		if len(r.Erased) == 0 {
			fmt.Fprintln(w, "there is nothing to erase")
			return
		}
		tool.Row(w, "RECORDS", "COUNT", "", "RECEIPTS")
		for _, p := range r.Erased {
			tool.Row(w, fmt.Sprintf("%s/%d@%s", p.Topic, p.Partition, p.Offsets), p.Count, p.Records+copyOf(&p), indexes(p.Receipts))
		}
		if r.DryRun {
			fmt.Fprintln(w, "nothing was erased; leave out --dry-run to do it")
		}
	})
}

// indexes names entries of the root log.
func indexes(list []erasure.Receipt) string {
	all := make([]string, len(list))
	for i, r := range list {
		all[i] = strconv.FormatInt(r.RootIndex, 10)
	}
	return strings.Join(all, ",")
}

// ask has the node do what a request says.
func (e Erase) ask(ctx context.Context, r erasure.Request) (*erasure.Result, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var result erasure.Result
	err = e.exchange(ctx, http.MethodPost, "/v1/erasures", body, &result)
	switch {
	case err == nil:
		return &result, nil
	case r.DryRun || errors.As(err, new(notBegun)):
		return nil, fmt.Errorf("not erased: %w", err)
	}
	return nil, fmt.Errorf("it is not known what was erased, if anything: %w; --list shows it, and asking again does no harm", err)
}

// authorize shows the node's token, which only what destroys needs.
func (e Erase) authorize(req *http.Request) error {
	if req.Method == http.MethodGet {
		return nil
	}
	t, err := tool.Token(e.TokenFile, "this")
	if err != nil {
		return err
	}
	t.Add(req)
	return nil
}

// notBegun is an error of a node that did nothing of what it was asked for.
type notBegun struct{ error }

// list shows the receipts of a partition.
func (e Erase) list(ctx context.Context, env tool.Env) error {
	slash := strings.LastIndex(e.List, "/")
	if slash <= 0 {
		return tool.Usagef("%q is no partition: write TOPIC/PARTITION, as in orders/3", e.List)
	}
	var answer struct {
		Erasures []erasure.Receipt `json:"erasures"`
	}
	path := fmt.Sprintf("/v1/topics/%s/partitions/%s/erasures", url.PathEscape(e.List[:slash]), url.PathEscape(e.List[slash+1:]))
	if err := e.exchange(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return err
	}
	return env.Print(answer.Erasures, func(w io.Writer) {
		tool.Row(w, "OFFSETS", "ERASED", "BY", "RECEIPT")
		for _, r := range answer.Erasures {
			tool.Row(w, r.Offsets, r.At.Format(time.RFC3339), r.By, r.RootIndex)
		}
	})
}

// exchange sends a request and reads the answer into v.
func (e Erase) exchange(ctx context.Context, method, path string, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(e.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return tool.Usagef("--url %q is none: %v", e.URL, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := e.authorize(req); err != nil {
		return notBegun{err}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		err = fmt.Errorf("cannot reach the node's HTTP: %w; --url says where it is", err)
		if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
			err = notBegun{err}
		}
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProof))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return json.Unmarshal(text, v)
	}
	var refused problem.Problem
	if err := json.Unmarshal(text, &refused); err != nil || refused.Detail == "" {
		return notBegun{fmt.Errorf("the node at %s has no such request (%s): does it run with --ledger off?", e.URL, resp.Status)}
	}
	if resp.StatusCode != http.StatusInternalServerError {
		return notBegun{errors.New(refused.Detail)}
	}
	return errors.New(refused.Detail)
}
