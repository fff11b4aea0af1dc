package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/secret"
)

func TestASecretIsReadFromWhereItIsEachTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	ref, err := secret.Parse("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"first", "second\n", "third\r\n", " with spaces "} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ref.Read(); err != nil || got != strings.TrimRight(content, "\r\n") {
			t.Errorf("file with %q: %q, %v", content, got, err)
		}
	}
	t.Setenv("EVIDENT_TEST_SECRET", "from the environment")
	if got, err := secret.Env("EVIDENT_TEST_SECRET").Read(); err != nil || got != "from the environment" {
		t.Errorf("variable: %q, %v", got, err)
	}
}

func TestWhatIsNoReferenceIsRefusedAndNotRepeated(t *testing.T) {
	for _, text := range []string{"", "hunter2", "env:", "file:", "vault:hunter2", ":hunter2"} {
		ref, err := secret.Parse(text)
		if !errors.Is(err, secret.ErrReference) || !ref.IsZero() {
			t.Errorf("Parse(%q): %v, %v", text, ref, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

func TestAMissingEmptyOrHugeSecretIsAnErrorThatNamesIt(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge")
	if err := os.WriteFile(huge, make([]byte, 64<<10+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []secret.Ref{
		{}, secret.Env("EVIDENT_TEST_NOT_THERE"), secret.File(filepath.Join(dir, "none")), secret.File(huge), secret.File(dir),
	} {
		if text, err := ref.Read(); err == nil || !strings.Contains(err.Error(), ref.String()) {
			t.Errorf("%v: %q, %v", ref, text, err)
		}
	}
}
