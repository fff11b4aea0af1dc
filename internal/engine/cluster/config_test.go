package cluster

import (
	"strings"
	"testing"
)

// flags are the names that tests give to settings.
func flags() Names {
	return Names{
		Brokers: "--brokers", TLS: "--tls", CA: "--ca", Cert: "--cert", Key: "--key", Mechanism: "--sasl", User: "--user",
		Password: "--password", Token: "--token", TokenURL: "--token-url", Scope: "--scope", Insecure: "--insecure", Login: "--sasl", Start: "start one",
	}
}

func TestAConfigurationThatCannotWorkSaysWhatToDo(t *testing.T) {
	here, there := []string{"127.0.0.1:9092", "localhost:9093", "[::1]:9094"}, []string{"127.0.0.1:9092", "broker:9092"}
	user := SASL{Mechanism: Plain, User: "alice", Password: "env:PASSWORD"}
	with := func(change func(*SASL)) SASL { s := user; change(&s); return s }
	for name, c := range map[string]struct {
		cfg  Config
		want string // "" for a good one
	}{
		"plain text here":            {Config{Brokers: here}, ""},
		"password here":              {Config{Brokers: here, SASL: user}, ""},
		"password beyond, TLS":       {Config{Brokers: there, SASL: user, TLS: TLS{CA: "ca.pem"}}, ""},
		"password beyond, insecure":  {Config{Brokers: there, SASL: user, Insecure: true}, ""},
		"SCRAM beyond":               {Config{Brokers: there, SASL: with(func(s *SASL) { s.Mechanism = ScramSHA512 })}, ""},
		"token":                      {Config{Brokers: here, SASL: SASL{Mechanism: OAuthBearer, Token: "file:token"}}, ""},
		"token of an endpoint":       {Config{Brokers: here, SASL: with(func(s *SASL) { s.Mechanism, s.TokenURL, s.Scope = OAuthBearer, "https://a/t", "kafka" })}, ""},
		"token of an endpoint here":  {Config{Brokers: here, SASL: with(func(s *SASL) { s.Mechanism, s.TokenURL = OAuthBearer, "http://localhost:1/t" })}, ""},
		"no broker":                  {Config{}, "--brokers names no broker"},
		"half a certificate":         {Config{Brokers: here, TLS: TLS{Cert: "c.pem"}}, "--cert and --key go together"},
		"password beyond":            {Config{Brokers: there, SASL: user}, "--sasl PLAIN would send a password or token in plain text: use --tls, or allow it with --insecure"},
		"token beyond":               {Config{Brokers: there, SASL: SASL{Mechanism: OAuthBearer, Token: "file:token"}}, "--sasl OAUTHBEARER would send"},
		"client secret beyond":       {Config{Brokers: here, SASL: with(func(s *SASL) { s.Mechanism, s.TokenURL = OAuthBearer, "http://login/t" })}, "would be told the client secret in plain text"},
		"endpoint without a scheme":  {Config{Brokers: here, Insecure: true, SASL: with(func(s *SASL) { s.Mechanism, s.TokenURL = OAuthBearer, "login.example.org/t" })}, `--token-url "login.example.org/t" is no endpoint for tokens: want https://HOST/PATH`},
		"endpoint that is none":      {Config{Brokers: here, SASL: with(func(s *SASL) { s.Mechanism, s.TokenURL = OAuthBearer, "https://a:b:c" })}, "is no endpoint for tokens"},
		"no user":                    {Config{Brokers: here, SASL: with(func(s *SASL) { s.User = "" })}, "--sasl PLAIN needs a user and a password: give --user and --password"},
		"no password":                {Config{Brokers: here, SASL: with(func(s *SASL) { s.Password = "" })}, "needs a user and a password"},
		"a password as it is":        {Config{Brokers: here, SASL: with(func(s *SASL) { s.Password = "hunter2" })}, "--password: want a reference to a secret"},
		"a token as it is":           {Config{Brokers: here, SASL: SASL{Mechanism: OAuthBearer, Token: "hunter2"}}, "--token: want a reference to a secret"},
		"password and token":         {Config{Brokers: here, SASL: with(func(s *SASL) { s.Token = "file:token" })}, "--sasl PLAIN takes no token"},
		"two tokens":                 {Config{Brokers: here, SASL: with(func(s *SASL) { s.Mechanism, s.Token = OAuthBearer, "file:token" })}, "--token"},
		"no token":                   {Config{Brokers: here, SASL: SASL{Mechanism: OAuthBearer}}, "--sasl OAUTHBEARER needs a token: give --token, or --token-url"},
		"user without mechanism":     {Config{Brokers: here, SASL: with(func(s *SASL) { s.Mechanism = "" })}, "of no use without a mechanism: give --sasl"},
		"mechanism that is not here": {Config{Brokers: here, SASL: with(func(s *SASL) { s.Mechanism = "gssapi" })}, `--sasl "gssapi" is none: want PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER`},
	} {
		err := c.cfg.Validate(flags())
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
}

func TestFilesThatAreNotWhatTheyShouldBeAreNamed(t *testing.T) {
	for want, files := range map[string]TLS{
		"cannot read the file that --ca names":                 {CA: "testdata/none.pem"},
		"config.go holds no certificate in PEM: check --ca":    {CA: "config.go"},
		"cannot use the certificate of --cert with the key of": {Cert: "config.go", Key: "config.go"},
	} {
		if _, err := (Config{Brokers: []string{"a:1"}, TLS: files}).Access(flags()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
