package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/evidentlog/evident/event"
)

// DefaultClaimsOver is how large data may be, in bytes, that goes into the log with its
// event, if [WithClaims] does not say otherwise: the event is to fit into the megabyte
// that a topic takes.
const DefaultClaimsOver = 512 << 10

// A ClaimStore keeps the data of events that are too large for the log: the log then
// has a claim to it, with digest and size (docs/format/event.md). Its methods may be
// called by any goroutine. [HTTPClaims] is that of a node.
type ClaimStore interface {
	// Keep keeps data; it is durable when Keep returns. ref, a URI-reference, is where
	// it is for others.
	Keep(ctx context.Context, d event.Digest, data []byte) (ref string, err error)
	// Fetch returns the data of a claim, never more than the claim's size. It is
	// verified by the caller.
	Fetch(ctx context.Context, c event.Claim) ([]byte, error)
}

// WithClaims has the data of events that is larger than over bytes
// ([DefaultClaimsOver] if that is 0) kept in a store, before the event is written.
// Handlers get events with their data, verified; while the store cannot be reached they
// are tried again like handlers that failed. Tables and requesters do not look into it.
func WithClaims(store ClaimStore, over int) Option {
	if over == 0 {
		over = DefaultClaimsOver
	}
	return func(c *config) { c.claims = claims{store, over} }
}

// claims keeps large data elsewhere; the zero value nothing.
type claims struct {
	store ClaimStore
	over  int
}

// checkIn is the event as it goes into the log.
func (c claims) checkIn(ctx context.Context, e *event.Event) (*event.Event, error) {
	if _, elsewhere := e.Extension(event.DataRef); c.store == nil || elsewhere || len(e.Data) <= c.over {
		return e, nil
	}
	ref, err := c.store.Keep(ctx, event.DigestOf(e.Data), e.Data)
	if err != nil {
		return nil, fmt.Errorf("its %d bytes of data cannot be kept: %w", len(e.Data), err)
	}
	checked, err := e.CheckIn(ref)
	return &checked, err
}

// redeem gives an event its data back, if it is elsewhere.
func (c claims) redeem(ctx context.Context, e *event.Event) error {
	claim, ok, err := e.Claim()
	switch {
	case err != nil:
		return Permanent(err)
	case c.store == nil || !ok || e.Data != nil:
		return nil
	}
	data, err := c.store.Fetch(ctx, claim)
	if err != nil {
		return fmt.Errorf("its %d bytes of data at %s cannot be had: %w", claim.Size, claim.Ref, err)
	}
	whole, err := e.Redeem(data)
	if err != nil {
		return err // perhaps it will be mended
	}
	*e = whole
	return nil
}

// HTTPClaims is the store of large data that a node has, or several nodes share.
type HTTPClaims struct {
	// URL is the node's, such as http://localhost:8080.
	URL string
	// Token is the node's (http-token in its data folder), which keeping needs, and
	// fetching from another machine.
	Token string
	// Client sends the requests; nil is http.DefaultClient.
	Client *http.Client
	// Timeout is how long a request may take besides a second for each megabyte of data:
	// 30 s if it is 0.
	Timeout time.Duration
}

const (
	claimsPath = "/v1/claims/"
	// claimsTimeout is the Timeout of those that give none.
	claimsTimeout = 30 * time.Second
	// slowest is how many bytes a second are sent at least.
	slowest = 1 << 20
)

// within is ctx for as long as a request about so much data may take.
func (h HTTPClaims) within(ctx context.Context, size int64) (context.Context, context.CancelFunc) {
	limit := cmp.Or(h.Timeout, claimsTimeout) + time.Duration(size/slowest)*time.Second
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s has not answered after %v: %w", h.URL, limit, context.DeadlineExceeded))
}

// Keep implements [ClaimStore].
func (h HTTPClaims) Keep(ctx context.Context, d event.Digest, data []byte) (ref string, err error) {
	ctx, cancel := h.within(ctx, int64(len(data)))
	defer cancel()
	ref = claimsPath + hex.EncodeToString(d[:])
	resp, err := h.do(ctx, http.MethodPut, ref, data)
	if err != nil {
		return "", err
	}
	return ref, errors.Join(h.refused(resp, http.StatusCreated), resp.Body.Close())
}

// Fetch implements [ClaimStore]. It goes by the claim's digest: the data is asked for at
// this node, wherever else the claim says that it is.
func (h HTTPClaims) Fetch(ctx context.Context, c event.Claim) (data []byte, err error) {
	ctx, cancel := h.within(ctx, c.Size)
	defer cancel()
	resp, err := h.do(ctx, http.MethodGet, claimsPath+hex.EncodeToString(c.Digest[:]), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if err := h.refused(resp, http.StatusOK); err != nil {
		return nil, err
	}
	data, err = io.ReadAll(io.LimitReader(resp.Body, c.Size+1))
	return data, because(ctx, err)
}

// because is why something failed, which is ctx's reason if that has ended.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (h HTTPClaims) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(h.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if h.Token != "" {
		r.Header.Set("Authorization", "Bearer "+h.Token)
	}
	resp, err := cmp.Or(h.Client, http.DefaultClient).Do(r)
	return resp, because(ctx, err)
}

// refused is what a node says that does not do what it was asked.
func (h HTTPClaims) refused(resp *http.Response, want int) error {
	if resp.StatusCode == want {
		return nil
	}
	const most = 1 << 10
	text, err := io.ReadAll(io.LimitReader(resp.Body, most))
	return errors.Join(fmt.Errorf("%s answers %s: %s", h.URL, resp.Status, bytes.TrimSpace(text)), err)
}
