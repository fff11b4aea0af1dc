package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// endpoint is a token endpoint that knows one client.
func endpoint(t *testing.T, asked *atomic.Int64, expires int) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		id, secret, _ := r.BasicAuth()
		if id != "evi%3Adent" || secret != "s3cret%26" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"nobody"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, n, expires)
	}))
	t.Cleanup(s.Close)
	return s
}

func sourceOf(s *httptest.Server, user string) *tokenSource {
	return newTokenSource(SASL{User: user, Password: "env:EVIDENT_TEST_SECRET", TokenURL: s.URL, Scope: "kafka"}, s.Client())
}

func TestATokenIsFetchedOnceAndSharedWhileItIsGood(t *testing.T) {
	t.Setenv("EVIDENT_TEST_SECRET", "s3cret&")
	var asked atomic.Int64
	source := sourceOf(endpoint(t, &asked, 3600), "evi:dent")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if token, err := source.token(t.Context()); err != nil || token != "token-1" {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	all.Wait()
	if asked.Load() != 1 {
		t.Errorf("the endpoint was asked %d times", asked.Load())
	}
}

// answers is a token endpoint without a network, for a clock that is not real.
type answers struct{ asked int }

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	a.asked++
	w := httptest.NewRecorder()
	fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":100}`, a.asked)
	return w.Result(), nil
}

func TestATokenIsRenewedBeforeItsTimeIsOver(t *testing.T) {
	t.Setenv("EVIDENT_TEST_SECRET", "s3cret&")
	synctest.Test(t, func(t *testing.T) {
		source := newTokenSource(SASL{Password: "env:EVIDENT_TEST_SECRET", TokenURL: "https://login.example.org"}, &http.Client{Transport: new(answers)})
		for after, want := range []string{"token-1", "token-1", "token-2"} {
			if token, err := source.token(t.Context()); err != nil || token != want {
				t.Errorf("after %d s: %q, %v, want %q", after*40, token, err, want)
			}
			time.Sleep(40 * time.Second)
		}
	})
}

func TestAnEndpointThatGivesNoTokenSaysWhy(t *testing.T) {
	t.Setenv("EVIDENT_TEST_SECRET", "s3cret&")
	var asked atomic.Int64
	_, err := sourceOf(endpoint(t, &asked, 1), "mallory").token(t.Context())
	if err == nil || !strings.Contains(err.Error(), "401 Unauthorized: invalid_client nobody") {
		t.Errorf("wrong client: %v", err)
	}
	for answer, want := range map[string]string{
		"<html>":                  "answered no JSON",
		`{"token_type":"bearer"}`: "without an access_token",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
		defer s.Close()
		if _, err := sourceOf(s, "x").token(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	t.Setenv("EVIDENT_TEST_SECRET", "")
	if _, err := sourceOf(endpoint(t, &asked, 1), "x").token(t.Context()); err == nil || !strings.Contains(err.Error(), "env:EVIDENT_TEST_SECRET is empty") {
		t.Errorf("no secret: %v", err)
	}
}

// A node that is started together with its token endpoint has to wait for it; a
// client that the endpoint does not know waits in vain.
func TestOnlyAnEndpointThatIsNotThereOrBusyIsWorthAskingAgain(t *testing.T) {
	t.Setenv("EVIDENT_TEST_SECRET", "s3cret&")
	for status, want := range map[int]bool{
		0: true, http.StatusTooManyRequests: true, http.StatusInternalServerError: true, http.StatusServiceUnavailable: true,
		http.StatusBadRequest: false, http.StatusUnauthorized: false, http.StatusNotFound: false,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if status == 0 {
			s.Close()
		}
		_, err := sourceOf(s, "x").token(t.Context())
		s.Close()
		var missing *CredentialError
		if !errors.As(err, &missing) || missing.Passing != want || !strings.HasPrefix(err.Error(), "token endpoint "+s.URL) {
			t.Errorf("status %d: %+v", status, err)
		}
	}
}

func TestHowLongATokenIsGoodForIsReadAsItIsWritten(t *testing.T) {
	for answer, want := range map[string]time.Duration{
		`{"expires_in":3600}`:          time.Hour,
		`{"expires_in":"3600"}`:        time.Hour,
		`{"expires_in":3600.5}`:        time.Hour,
		`{"expires_in":-1}`:            0,
		`{}`:                           0,
		`{"expires_in":9999999999999}`: 365 * 24 * time.Hour,
	} {
		var a tokenAnswer
		if err := json.Unmarshal([]byte(answer), &a); err != nil || a.lifetime() != want {
			t.Errorf("%s: %v, %v", answer, a.lifetime(), err)
		}
	}
}
