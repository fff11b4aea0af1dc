package token

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
)

func TestATokenIsMadeOnceForItsOwnerOnly(t *testing.T) {
	name := filepath.Join(t.TempDir(), File)
	first, err := Load(vfs.OS(), name)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(vfs.OS(), name)
	if err != nil || again != first {
		t.Errorf("the token changed from %v to %v, %v", first, again, err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	other, err := Load(vfs.NewMem(), "/"+File)
	if err != nil || other == first {
		t.Errorf("two nodes have one token, %v", err)
	}
}

func TestOnlyTheTokenIsLetIn(t *testing.T) {
	token, err := Load(vfs.NewMem(), "/"+File)
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]bool{
		"Bearer " + token.String():       true,
		"bearer  " + token.String():      true,
		"":                               false,
		"Bearer":                         false,
		"Bearer ":                        false,
		"Bearer " + token.String()[:20]:  false,
		"Bearer " + token.String() + "x": false,
		token.String():                   false,
		"Basic " + token.String():        false,
		"Bearer " + token.String() + token.String()[1:]: false,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		if err := token.Check(r); (err == nil) != want || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v, want it let in: %v", header, err, want)
		}
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Authorization", "Bearer ")
	if err := (Token{}).Check(r); err == nil {
		t.Error("a node without a token lets in whoever has none")
	}
}

func TestATokenForAPurposeIsGoodForThatOnly(t *testing.T) {
	token, err := Load(vfs.NewMem(), "/"+File)
	if err != nil {
		t.Fatal(err)
	}
	a := token.For("a")
	r := httptest.NewRequest("POST", "/", nil)
	a.Add(r)
	if err := token.For("a").Check(r); err != nil {
		t.Error(err)
	}
	for name, other := range map[string]Token{"the token itself": token, "another purpose": token.For("b"), "one more step": a.For("a")} {
		if other.Check(r) == nil {
			t.Errorf("%s lets it in", name)
		}
	}
	if (Token{}).For("a") != (Token{}) {
		t.Error("of no token, one is made")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("evident-token-1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
	f.Add("evident-token-2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err != nil {
			return
		}
		r := httptest.NewRequest("POST", "/", nil)
		token.Add(r)
		if err := token.Check(r); err != nil || token.String() == "" {
			t.Errorf("%q is taken and not let in: %v", text, err)
		}
	})
}
