package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// clientFirst is the first message of a SCRAM client (RFC 5802, section 7).
type clientFirst struct {
	gs2   string // "n,,": no channel binding, no other name to act under
	bare  string // what follows gs2
	user  string
	nonce string
}

// parseClientFirst reads
//
//	("n" / "y") "," ["a=" name] "," "n=" name "," "r=" nonce ["," extensions]
//
// Extensions are passed over. "y" is from clients that would bind the channel,
// had we offered it.
func parseClientFirst(message string) (clientFirst, error) {
	var f clientFirst
	parts := strings.SplitN(message, ",", 5)
	if len(parts) < 4 {
		return f, fmt.Errorf("the first SCRAM message has %d parts, want at least 4", len(parts))
	}
	if parts[0] != "n" && parts[0] != "y" {
		return f, errors.New("the first SCRAM message does not begin with n or y: channel binding is not served")
	}
	f.gs2 = parts[0] + "," + parts[1] + ","
	f.bare = message[len(f.gs2):]
	as := parts[1]
	if as != "" {
		text, err := attribute('a', as)
		if err == nil {
			as, err = saslName(text)
		}
		if err != nil {
			return f, err
		}
	}
	text, err := attribute('n', parts[2])
	if err == nil {
		f.user, err = saslName(text)
	}
	if err != nil {
		return f, err
	}
	if as != "" && as != f.user {
		return f, errors.New("a user cannot act as another")
	}
	f.nonce, err = nonce(parts[3])
	return f, err
}

// clientFinal is the last message of a SCRAM client.
type clientFinal struct {
	bare  string // all but the proof
	nonce string
	proof []byte
}

// parseClientFinal reads
//
//	"c=" base64(gs2) "," "r=" nonce ["," extensions] "," "p=" base64(proof)
//
// Many clients repeat "n,," whatever they sent first; that is accepted.
func parseClientFinal(message, gs2 string) (clientFinal, error) {
	var f clientFinal
	bare, proof, found := cutLast(message, ",p=")
	parts := strings.SplitN(bare, ",", 3)
	if !found || len(parts) < 2 {
		return f, errors.New("the last SCRAM message has no proof, or too little before it")
	}
	f.bare = bare
	binding, err := attribute('c', parts[0])
	if err != nil {
		return f, err
	}
	bound, err := base64.StdEncoding.DecodeString(binding)
	if err != nil || string(bound) != gs2 && string(bound) != "n,," {
		return f, errors.New("the last SCRAM message does not repeat the header of the first")
	}
	if f.nonce, err = nonce(parts[1]); err != nil {
		return f, err
	}
	if f.proof, err = base64.StdEncoding.Strict().DecodeString(proof); err != nil {
		return f, errors.New("the proof of the SCRAM message is not base64")
	}
	return f, nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// attribute is the value of part, which must be the attribute called name.
func attribute(name byte, part string) (string, error) {
	if len(part) < 2 || part[0] != name || part[1] != '=' {
		return "", fmt.Errorf("the SCRAM message has no %c= where it belongs", name)
	}
	return part[2:], nil
}

// nonce reads printable characters, none of them a comma.
func nonce(part string) (string, error) {
	text, err := attribute('r', part)
	if err != nil {
		return "", err
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' }) {
		return "", errors.New("the nonce of the SCRAM message is empty or not printable")
	}
	return text, nil
}

// saslName reads a name in which =2C stands for a comma and =3D for an equals
// sign.
func saslName(text string) (string, error) {
	var name strings.Builder
	for rest := text; rest != ""; {
		plain, escaped, found := strings.Cut(rest, "=")
		name.WriteString(plain)
		if !found {
			break
		}
		switch {
		case strings.HasPrefix(escaped, "2C"):
			name.WriteByte(',')
		case strings.HasPrefix(escaped, "3D"):
			name.WriteByte('=')
		default:
			return "", errors.New("the name in the SCRAM message has an = that is neither =2C nor =3D")
		}
		rest = escaped[2:]
	}
	if s := name.String(); s != "" && utf8.ValidString(s) && !strings.ContainsRune(s, 0) {
		return s, nil
	}
	return "", errors.New("the name in the SCRAM message is empty or not UTF-8")
}
