package opentimestamps

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/evidentlog/evident/proof/opentimestamps"
)

// PublicCalendars take digests of everybody. They are asked only if the operator
// says so.
func PublicCalendars() []string {
	return []string{
		"https://a.pool.opentimestamps.org", "https://b.pool.opentimestamps.org",
		"https://a.pool.eternitywall.com", "https://ots.btc.catallaxy.com",
	}
}

// publicHosts are where public calendars say that they will have the rest.
var publicHosts = []string{".calendar.opentimestamps.org", ".calendar.eternitywall.com", ".calendar.catallaxy.com"}

// maxAnswer bounds what a calendar may answer, in bytes.
const maxAnswer = 10_000

// maxPromises is how many promises a calendar may make for a digest: they make
// one. More would take room in the receipt from the other calendars.
const maxPromises = 2

// errNotYet says that a calendar has no block yet.
var errNotYet = errors.New("not in a Bitcoin block yet")

// allowed tells whether a calendar that another one names may be asked: it is
// one of those given, or a public one. Others could make the node ask anybody.
func (a *Anchor) allowed(uri string) bool {
	if slices.Contains(a.cfg.Calendars, strings.TrimSuffix(uri, "/")) {
		return true
	}
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "https" && u.Port() == "" &&
		slices.ContainsFunc(publicHosts, func(host string) bool { return strings.HasSuffix(u.Hostname(), host) })
}

// submit gives a calendar a digest and returns what it promises.
func (a *Anchor) submit(ctx context.Context, calendar string, digest [32]byte) (opentimestamps.Tree, error) {
	answer, err := a.ask(ctx, http.MethodPost, calendar+"/digest", digest[:])
	if err != nil {
		return nil, err
	}
	tree, err := opentimestamps.ParseTree(answer)
	if err != nil {
		return nil, err
	}
	promises := 0
	err = tree.Walk(digest[:], func(_ []byte, at *opentimestamps.Attestation) error {
		switch {
		case at.Kind == opentimestamps.Bitcoin:
			return fmt.Errorf("it says that the digest, which it has just been given, is in Bitcoin block %d", at.Height)
		case at.Kind != opentimestamps.Pending:
			return nil
		case !a.allowed(at.URI):
			return fmt.Errorf("it names the calendar %s, which is neither a public one nor one that was given", at.URI)
		}
		promises++
		return nil
	})
	if err == nil && (promises == 0 || promises > maxPromises) {
		err = fmt.Errorf("it makes %d promises, and 1 to %d are believed", promises, maxPromises)
	}
	return tree, err
}

// complete asks a calendar for what it has promised for a message, and returns
// the paths to Bitcoin blocks in its answer.
func (a *Anchor) complete(ctx context.Context, calendar string, message []byte) (opentimestamps.Tree, error) {
	answer, err := a.ask(ctx, http.MethodGet, strings.TrimSuffix(calendar, "/")+"/timestamp/"+hex.EncodeToString(message), nil)
	if err != nil {
		return nil, err
	}
	tree, err := opentimestamps.ParseTree(answer)
	if err != nil {
		return nil, err
	}
	tree = tree.Prune(func(at *opentimestamps.Attestation) bool { return at.Kind == opentimestamps.Bitcoin })
	if len(tree) == 0 {
		return nil, errNotYet
	}
	return tree, tree.Walk(message, func([]byte, *opentimestamps.Attestation) error { return nil })
}

func (a *Anchor) ask(ctx context.Context, method, from string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, from, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.opentimestamps.v1")
	req.Header.Set("User-Agent", "evident")
	resp, err := a.cfg.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return nil, errNotYet
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %s", resp.Status)
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("it answers more than %d bytes", maxAnswer)
	}
	return answer, nil
}
