package auth

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFirstMessages(t *testing.T) {
	for message, want := range map[string]string{
		"n,,n=user,r=abc":                  "user abc",
		"y,,n=user,r=abc":                  "user abc",
		"n,a=user,n=user,r=abc":            "user abc",
		"n,a=a=2Cb,n=a=2Cb,r=abc":          "a,b abc",
		"n,,n==3D=2C=3D2C,r=a=b":           "=,=2C a=b",
		"n,,n=user,r=abc,tokenauth=true,x": "user abc",
		"n,,n=ü,r=abc":                     "ü abc",
		"":                                 "0 parts|1 parts",
		"n,,n=user":                        "3 parts",
		"p=tls-unique,,n=user,r=abc":       "channel binding",
		"n,a=other,n=user,r=abc":           "as another",
		"n,b=user,n=user,r=abc":            "no a=",
		"n,,m=x,n=user,r=abc":              "no n=",
		"n,,n=,r=abc":                      "empty",
		"n,,n=a\x00b,r=abc":                "not UTF-8",
		"n,,n=\xff,r=abc":                  "not UTF-8",
		"n,,n=a=3d,r=abc":                  "neither =2C nor =3D",
		"n,,n=a=,r=abc":                    "neither =2C nor =3D",
		"n,,n=user,r=":                     "nonce",
		"n,,n=user,r=a b":                  "nonce",
		"n,,n=user,r=\xff":                 "nonce",
		"n,,n=user,x=abc":                  "no r=",
	} {
		f, err := parseClientFirst(message)
		got := f.user + " " + f.nonce
		if err != nil {
			got = err.Error()
		}
		if !containsAny(got, want) || err == nil && f.gs2+f.bare != message {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}

func TestFinalMessages(t *testing.T) {
	for message, want := range map[string]string{
		"c=biws,r=abc,p=cHJvb2Y=":           "abc proof",
		"c=eSws,r=abc,p=cHJvb2Y=":           "abc proof", // "y,," as it was sent
		"c=biws,r=abc,x=1,y=2,p=cHJvb2Y=":   "abc proof",
		"c=biws,r=abc,p=,p=cHJvb2Y=":        "abc proof",
		"":                                  "no proof",
		"c=biws,p=cHJvb2Y=":                 "too little",
		"c=biws,r=abc":                      "no proof",
		"c=,r=abc,p=cHJvb2Y=":               "header",
		"c=cD10bHMtdW5pcXVlLCw=,r=a,p=cA==": "header", // "p=tls-unique,,"
		"c=!,r=abc,p=cHJvb2Y=":              "header",
		"r=abc,c=biws,p=cHJvb2Y=":           "no c=",
		"c=biws,r=,p=cHJvb2Y=":              "nonce",
		"c=biws,r=abc,p=cHJvb2Y":            "base64",
		"c=biws,r=abc,p=cHJvb2Z=":           "base64", // bits that stand for nothing
	} {
		f, err := parseClientFinal(message, "y,,")
		got := f.nonce + " " + string(f.proof)
		if err != nil {
			got = err.Error()
		}
		if !containsAny(got, want) || err == nil && !strings.HasPrefix(message, f.bare+",p=") {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}

func containsAny(got, alternatives string) bool {
	for want := range strings.SplitSeq(alternatives, "|") {
		if strings.Contains(got, want) {
			return true
		}
	}
	return false
}

// Invariants: no message makes the parsers panic; what they accept is made of the
// message's own parts, so that both sides sign the same bytes; a name is text
// without NUL, and a nonce can stand in the reply.
func FuzzScramMessages(f *testing.F) {
	f.Add("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
	f.Add("y,a=a=2Cb,n=a=2Cb,r=abc,x=y")
	f.Add("c=biws,r=abc,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
	f.Fuzz(func(t *testing.T, message string) {
		if first, err := parseClientFirst(message); err == nil {
			if first.gs2+first.bare != message || !strings.Contains(first.bare, "r="+first.nonce) {
				t.Errorf("%q was read as %+v", message, first)
			}
			if first.user == "" || !utf8.ValidString(first.user) || strings.ContainsAny(first.user, "\x00") || strings.ContainsAny(first.nonce, ", \x00") || first.nonce == "" {
				t.Errorf("%q was accepted as %+v", message, first)
			}
		}
		if final, err := parseClientFinal(message, "n,,"); err == nil && (!strings.HasPrefix(message, final.bare+",p=") || final.nonce == "") {
			t.Errorf("%q was read as %+v", message, final)
		}
		if user, password, err := parsePlain(message); err == nil && !strings.HasSuffix(message, "\x00"+user+"\x00"+password) {
			t.Errorf("%q was read as %q, %q", message, user, password)
		}
	})
}
