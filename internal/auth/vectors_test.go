package auth

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"testing"
)

func decode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The exchange of RFC 7677, section 3.
func TestExchangeOfRFC7677(t *testing.T) {
	salt := decode(t, "W22ZaJ0SNY7soEsUEjb6gQ==")
	salted, err := saltPassword(ScramSHA256, "pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	r := realm(NewUsers(map[string]Credentials{"user": {ScramSHA256: FromSaltedPassword(ScramSHA256, salted, salt, 4096)}}))
	r.nonce = func() string { return "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" }
	s := r.open()
	if err := s.Begin("SCRAM-SHA-256"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ client, server string }{
		{"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
		{"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
	} {
		reply, err := s.Step(t.Context(), []byte(step.client))
		if err != nil || string(reply) != step.server {
			t.Fatalf("to %s\ngot  %s, %v\nwant %s", step.client, reply, err, step.server)
		}
	}
	if !s.Known() || s.Principal().String() != "User:user" {
		t.Errorf("the principal is %v", s.Principal())
	}
}

// The keys, proof and signature of RFC 5802, section 5, which has SHA-1.
func TestArithmeticOfRFC5802(t *testing.T) {
	salted, err := pbkdf2.Key(sha1.New, "pencil", decode(t, "QSXCR+Q6sek8bf92"), 4096, sha1.Size)
	if err != nil {
		t.Fatal(err)
	}
	stored, server := keys(sha1.New, salted)
	const conversation = "n=user,r=fyko+d2lbbFgONRv9qkxdawL," +
		"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096," +
		"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
	if !proves(sha1.New, stored, conversation, decode(t, "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")) {
		t.Error("the proof is refused")
	}
	if got := base64.StdEncoding.EncodeToString(mac(sha1.New, server, conversation)); got != "rmF9pqV8S7suAoZWja4dJRkFsKQ=" {
		t.Errorf("the server's signature is %s", got)
	}
}
