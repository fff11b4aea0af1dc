package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
)

// scramExchange is the server's side of SCRAM (RFC 5802) without channel
// binding.
type scramExchange struct {
	s         *Session
	mechanism Mechanism

	// Set by the first message.
	first     *clientFirst
	challenge challenge
	nonce     string // the client's with ours behind it
	greeting  string // server-first-message
}

// newNonce has 130 random bits in letters and digits.
func newNonce() string { return rand.Text() }

func (x *scramExchange) step(ctx context.Context, message []byte) ([]byte, string, error) {
	if x.first == nil {
		reply, err := x.begin(string(message))
		return reply, "", err
	}
	reply, err := x.finish(ctx, string(message))
	if err != nil {
		return nil, "", err
	}
	return reply, x.first.user, nil
}

// begin answers client-first-message with what the client needs for its proof.
func (x *scramExchange) begin(message string) ([]byte, error) {
	first, err := parseClientFirst(message)
	if err != nil {
		return nil, x.malformed(err)
	}
	r := x.s.realm
	if x.challenge, err = r.cfg.Users().challengeOf(x.mechanism, first.user, r.cfg.Secret); err != nil {
		return nil, err
	}
	x.first = &first
	x.nonce = first.nonce + r.nonce()
	x.greeting = fmt.Sprintf("r=%s,s=%s,i=%d", x.nonce, base64.StdEncoding.EncodeToString(x.challenge.Salt), x.challenge.Iterations)
	return []byte(x.greeting), nil
}

// finish answers client-final-message with the proof that we know the user, too.
func (x *scramExchange) finish(ctx context.Context, message string) ([]byte, error) {
	final, err := parseClientFinal(message, x.first.gs2)
	if err != nil {
		return nil, x.malformed(err)
	}
	// librdkafka before 2.6.1 repeats its own nonce before the one that it was
	// given. Ours, which is what prevents a replay, is in both.
	if final.nonce != x.nonce && final.nonce != x.first.nonce+x.nonce {
		return nil, x.malformed(fmt.Errorf("the SCRAM message has another exchange's nonce"))
	}
	conversation := x.first.bare + "," + x.greeting + "," + final.bare
	h := x.mechanism.hash()
	err = x.s.realm.judge(ctx, attempt{
		mechanism: x.mechanism, from: x.s.from, user: x.first.user, known: x.challenge.known,
		verify: func() (bool, error) { return proves(h, x.challenge.StoredKey, conversation, final.proof), nil },
	})
	if err != nil {
		return nil, err
	}
	signature := mac(h, x.challenge.ServerKey, conversation)
	return []byte("v=" + base64.StdEncoding.EncodeToString(signature)), nil
}

// proves tells whether proof was made by somebody who knows the password: H(proof
// XOR HMAC(StoredKey, conversation)) is StoredKey again.
func proves(h func() hash.Hash, storedKey []byte, conversation string, proof []byte) bool {
	signature := mac(h, storedKey, conversation)
	if len(proof) != len(signature) {
		return false
	}
	clientKey := make([]byte, len(proof))
	subtle.XORBytes(clientKey, proof, signature)
	return subtle.ConstantTimeCompare(digest(h, clientKey), storedKey) == 1
}

func (x *scramExchange) malformed(err error) error {
	e := &FailedError{Mechanism: x.mechanism, Reason: err.Error(), Public: err.Error()}
	if x.first != nil {
		e.User = x.first.user
	}
	return e
}
