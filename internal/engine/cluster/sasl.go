package cluster

import (
	"context"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/evidentlog/evident/internal/secret"
)

// tokenPatience is how long a token endpoint may take.
const tokenPatience = 10 * time.Second

// mechanism is the SASL mechanism of a configuration that was validated, nil if
// it has none. It reads the secret each time it is used.
func (s SASL) mechanism() sasl.Mechanism {
	switch s.Mechanism {
	case Plain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := read(s.Password)
			return plain.Auth{User: s.User, Pass: password}, err
		})
	case ScramSHA256:
		return scram.Sha256(s.scram)
	case ScramSHA512:
		return scram.Sha512(s.scram)
	case OAuthBearer:
		return oauth.Oauth(s.bearer())
	}
	return nil
}

func (s SASL) scram(context.Context) (scram.Auth, error) {
	password, err := read(s.Password)
	return scram.Auth{User: s.User, Pass: password}, err
}

// bearer gives tokens: those that are kept somewhere, or those of an endpoint.
func (s SASL) bearer() func(context.Context) (oauth.Auth, error) {
	if s.TokenURL == "" {
		return func(context.Context) (oauth.Auth, error) {
			token, err := read(s.Token)
			return oauth.Auth{Token: token}, err
		}
	}
	source := newTokenSource(s, &http.Client{Timeout: tokenPatience})
	return func(ctx context.Context) (oauth.Auth, error) {
		token, err := source.token(ctx)
		if err != nil {
			return oauth.Auth{}, err
		}
		return oauth.Auth{Token: token}, nil
	}
}

// CredentialError says that there is no password or token to show.
type CredentialError struct {
	// Err is why.
	Err error
	// Passing says that it may be over by itself: the endpoint that gives tokens is
	// not there, or busy.
	Passing bool
}

func (e *CredentialError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *CredentialError) Unwrap() error { return e.Err }

// read reads the secret that is referred to.
func read(reference string) (string, error) {
	ref, err := secret.Parse(reference)
	if err != nil {
		return "", &CredentialError{Err: err}
	}
	text, err := ref.Read()
	if err != nil {
		return "", &CredentialError{Err: err}
	}
	return text, nil
}
