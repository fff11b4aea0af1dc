package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxTokenAnswer is how many bytes a token endpoint may answer.
const maxTokenAnswer = 256 << 10

// tokenSource fetches bearer tokens from an endpoint by client credentials (RFC
// 6749, section 4.4) and keeps each for most of its time, since every
// connection to every broker asks for one.
type tokenSource struct {
	sasl SASL
	http *http.Client

	// turn holds one element, which whoever looks at kept takes: the others
	// wait for the same token and do not ask for one of their own.
	turn  chan struct{}
	kept  string
	until time.Time
}

func newTokenSource(s SASL, client *http.Client) *tokenSource {
	t := &tokenSource{sasl: s, http: client, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// token returns a token that is good for a while.
func (t *tokenSource) token(ctx context.Context) (string, error) {
	select {
	case <-t.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { t.turn <- struct{}{} }()
	if t.kept != "" && time.Now().Before(t.until) {
		return t.kept, nil
	}
	clientSecret, err := read(t.sasl.Password)
	if err != nil {
		return "", err
	}
	asked := time.Now()
	answer, status, err := t.fetch(ctx, clientSecret)
	if err != nil {
		return "", &CredentialError{Err: fmt.Errorf("token endpoint %s: %w", t.sasl.TokenURL, err), Passing: passing(status)}
	}
	t.kept, t.until = answer.AccessToken, asked.Add(answer.lifetime()*4/5) // Kafka's own clients renew at 80%, too
	return t.kept, nil
}

// passing tells whether an endpoint that answered with that status, 0 for not at
// all, may do better later.
func passing(status int) bool {
	return status == 0 || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// tokenAnswer is RFC 6749, sections 5.1 and 5.2.
type tokenAnswer struct {
	AccessToken string      `json:"access_token"`
	ExpiresIn   json.Number `json:"expires_in"` // seconds, with some in quotes; left out: not known
	Error       string      `json:"error"`
	Description string      `json:"error_description"`
}

// lifetime is how long the token is good for, a year at most; 0: not known.
func (a *tokenAnswer) lifetime() time.Duration {
	const most = 365 * 24 * 60 * 60
	seconds, err := a.ExpiresIn.Float64()
	if err != nil {
		return 0
	}
	return time.Duration(max(0, min(seconds, most))) * time.Second
}

// fetch asks the endpoint. status is 0 if there was no answer.
func (t *tokenSource) fetch(ctx context.Context, clientSecret string) (answer tokenAnswer, status int, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if t.sasl.Scope != "" {
		form.Set("scope", t.sasl.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.sasl.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return answer, 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	// Section 2.3.1: both are form-encoded before they are put together.
	req.SetBasicAuth(url.QueryEscape(t.sasl.User), url.QueryEscape(clientSecret))
	resp, err := t.http.Do(req)
	if err != nil {
		return answer, 0, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer))
	if err != nil {
		return answer, 0, err
	}
	err = answer.read(resp, body)
	return answer, resp.StatusCode, err
}

func (a *tokenAnswer) read(resp *http.Response, body []byte) error {
	malformed := json.Unmarshal(body, a)
	switch {
	case a.Error != "":
		return fmt.Errorf("%s: %s %s", resp.Status, a.Error, a.Description)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("answered %s", resp.Status)
	case malformed != nil:
		return fmt.Errorf("answered no JSON: %w", malformed)
	case a.AccessToken == "":
		return fmt.Errorf("answered without an access_token")
	}
	return nil
}
