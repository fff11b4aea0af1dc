// Package secret reads passwords and tokens from where they are kept.
//
// A configuration never holds a secret but a reference to one: "env:NAME" for
// an environment variable, "file:PATH" for a file. Whoever needs the secret
// reads it when it is used, and again each time, so that a rotated one needs no
// restart. It is no vault: it neither stores nor caches.
package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSize is how many bytes a secret may have: a private key or a token with
// many claims fits.
const maxSize = 64 << 10

// ErrReference says that a text is not a reference to a secret.
var ErrReference = errors.New(`want a reference to a secret, "env:NAME" or "file:PATH"`)

// Ref is a reference to a secret. The zero value refers to none.
type Ref struct{ scheme, name string }

// Parse reads a reference. The error wraps [ErrReference] and does not repeat
// the text, which may be a secret itself.
func Parse(text string) (Ref, error) {
	scheme, name, _ := strings.Cut(text, ":")
	if name == "" || scheme != "env" && scheme != "file" {
		return Ref{}, ErrReference
	}
	return Ref{scheme, name}, nil
}

// Env refers to the environment variable of that name.
func Env(name string) Ref { return Ref{"env", name} }

// File refers to the content of a file.
func File(path string) Ref { return Ref{"file", path} }

// IsZero tells whether the reference is to no secret.
func (r Ref) IsZero() bool { return r == Ref{} }

// String is the reference as it is written.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return r.scheme + ":" + r.name
}

// Read returns the secret. Line breaks at the end of a file do not belong to
// it. A secret that is empty or not there is an error.
func (r Ref) Read() (string, error) {
	text, err := r.read()
	switch {
	case err != nil:
		return "", fmt.Errorf("secret %s: %w", r, err)
	case text == "":
		return "", fmt.Errorf("secret %s is empty", r)
	}
	return text, nil
}

func (r Ref) read() (string, error) {
	switch r.scheme {
	case "env":
		return os.Getenv(r.name), nil
	case "file":
		return readFile(r.name)
	}
	return "", ErrReference
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if len(content) > maxSize {
		return "", fmt.Errorf("%s has more than %d bytes", path, maxSize)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}
