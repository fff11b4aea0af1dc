package tool

import (
	"fmt"
	"os"

	"github.com/evidentlog/evident/internal/auth/token"
)

// Token reads a node's token from the file that --token-file names. what says what
// needs it.
func Token(file, what string) (token.Token, error) {
	b, err := os.ReadFile(file)
	var t token.Token
	if err == nil {
		t, err = token.Parse(string(b))
	}
	if err != nil {
		return token.Token{}, fmt.Errorf("%s needs the node's token, and %s gives none: %w; --token-file names the file %s in the node's data folder, or what its http-token-file says", what, file, err, token.File)
	}
	return t, nil
}

// ReadingToken is that of a file, which reading data from another machine needs; the
// zero Token if no file is given. It is shown only to a node for which somebody has named
// it: others are not to learn it.
func ReadingToken(file string) (token.Token, error) {
	if file == "" {
		return token.Token{}, nil
	}
	return Token(file, "reading data from another machine")
}
