// Package token guards what can be asked for over HTTP and not be undone, for as
// long as HTTP has no logins: whoever asks has to show that he can read a file of the
// node's data folder. A page in a browser cannot, nor can who comes through a proxy
// on the machine. It knows nothing of users and what they may do.
package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

// File is the name of the file in the data folder; docs/format/http-token.md
// describes it.
const File = "http-token"

const (
	prefix   = "evident-token-1."
	maxFile  = 1 << 10 // bytes
	minToken = len(prefix) + 32
)

// ErrRefused says that a request did not show the token.
var ErrRefused = errors.New("this needs the node's token")

// A Token is a secret of a node. The zero Token allows nothing.
type Token struct{ text string }

// Load reads the token of a file, and makes one that only its owner can read if there
// is none. It is durable when Load returns.
func Load(fsys vfs.FS, name string) (Token, error) {
	text, err := vfs.ReadSmall(fsys, name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return create(fsys, name)
	}
	if err != nil {
		return Token{}, err
	}
	t, err := Parse(string(text))
	if err != nil {
		return Token{}, fmt.Errorf("%s: %w; remove it, and the next start makes another", name, err)
	}
	return t, nil
}

// Parse reads what a file has.
func Parse(text string) (Token, error) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, prefix) {
		return Token{}, fmt.Errorf("it does not begin with %q: is it another file, or one of a newer version?", prefix)
	}
	if len(text) < minToken || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Token{}, errors.New("it is not a token: it is cut short, or has more than one line")
	}
	return Token{text}, nil
}

func create(fsys vfs.FS, name string) (Token, error) {
	t := Token{prefix + base64.RawURLEncoding.EncodeToString(random())}
	if err := vfs.ReplaceSmall(fsys, name, []byte(t.text+"\n"), vfs.Private); err != nil {
		return Token{}, err
	}
	return t, nil
}

func random() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails: the program ends if it does
	return b
}

// String is the token as requests have it.
func (t Token) String() string { return t.text }

// Add puts the token into a request.
func (t Token) Add(r *http.Request) { r.Header.Set("Authorization", "Bearer "+t.text) }

// Header is that of a request which shows the token; of the zero Token it is empty.
func (t Token) Header() http.Header {
	h := http.Header{}
	if t.text != "" {
		h.Set("Authorization", "Bearer "+t.text)
	}
	return h
}

// For is another token, made of this one for a purpose: who has it can neither tell
// this one nor one for another purpose. Of the zero Token it is the zero Token.
func (t Token) For(purpose string) Token {
	if t.text == "" {
		return t
	}
	mac := hmac.New(sha256.New, []byte(t.text))
	mac.Write([]byte(purpose)) // a hash does not fail
	return Token{prefix + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))}
}

// Check tells whether a request has the token, as RFC 6750, section 2.1 says. The
// error is ErrRefused if not. How long it takes tells nothing of the token.
func (t Token) Check(r *http.Request) error {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme == "" {
		return fmt.Errorf("%w, and there is none: send what the file %s in its data folder has as \"Authorization: Bearer …\"", ErrRefused, File)
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return fmt.Errorf("%w as \"Authorization: Bearer …\", and not as %q", ErrRefused, scheme)
	}
	a, b := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(t.text))
	if t.text == "" || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return fmt.Errorf("%w, and this is another one: the file %s in its data folder has it", ErrRefused, File)
	}
	return nil
}
