package proof

import (
	"fmt"
	"strings"
	"testing"
)

func policyText(t testing.TB, lines string) string {
	t.Helper()
	keys := []string{"LOG", ed25519Signer(t, testOrigin, 1).String()}
	for i := byte(1); i <= 6; i++ {
		keys = append(keys, fmt.Sprintf("W%d", i), witness(t, fmt.Sprintf("w%d.example", i), 10+i).String())
	}
	return strings.NewReplacer(keys...).Replace(lines)
}

func TestQuorums(t *testing.T) {
	p := must[*Policy](t)(ParsePolicy(policyText(t, `
		# two of three, and one of two
		log LOG https://example.com/ledger/root
		witness a W1 https://w1.example
		witness b W2
		witness c W3
		witness d W4
		witness e W5
		group abc 2 a b c
		group de any d e
		group both all abc de
		quorum both
	`)))
	if p.Logs[0].URL != "https://example.com/ledger/root" || p.Witnesses[0].URL != "https://w1.example" || p.Witnesses[1].URL != "" {
		t.Errorf("URLs: %+v %+v", p.Logs, p.Witnesses)
	}
	for names, want := range map[string]bool{
		"": false, "a b": false, "a b c": false, "a d": false, "d e": false,
		"a b d": true, "b c e": true, "a b c d e": true,
	} {
		cosigned := map[string]bool{}
		for _, n := range strings.Fields(names) {
			cosigned[n] = true
		}
		if got := p.fulfilled(cosigned); got != want {
			t.Errorf("%q: %v, want %v", names, got, want)
		}
	}
}

func TestBadPoliciesAreRefusedWithTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "no line with a quorum",
		"quorum x":                      "line 1: quorum: no line above defines x",
		"quorum none\nquorum none":      "line 2: there is a quorum already",
		"quorum":                        "one name",
		"log LOG\nlog LOG\nquorum none": "line 2: log example.com/events: another line",
		"log W1\nquorum none":           "for witnesses",
		"log x\nquorum none":            "not of the form",
		"log\nquorum none":              "has a verifier key",
		"witness a LOG\nquorum none":    "for logs",
		"witness a W1\nwitness b W1\nquorum none":  "another line has the same key",
		"witness a W1\nwitness a W2\nquorum none":  "the name a is taken",
		"witness none W1\nquorum none":             "the name none is taken",
		"witness a\nquorum none":                   "a name and a verifier key",
		"witness a W1\ngroup g 2 a\nquorum g":      "line 2: group g: \"2\" is not any, all, or a number from 1 to 1",
		"witness a W1\ngroup g 0 a\nquorum g":      "number from 1",
		"witness a W1\ngroup g any\nquorum g":      "at least one member",
		"group g any a\nwitness a W1\nquorum g":    "line 1: group g: no line above defines a",
		"witness a W1\ngroup g any a a\nquorum g":  "a member already",
		"witness a W1\ngroup g any none\nquorum g": "no line above defines none",
		"quorums none":  "\"quorums\" is none of",
		"quorum none\r": "control character 0x0d",
	} {
		if _, err := ParsePolicy(policyText(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n%v, want %q", text, err, want)
		}
	}
}

// Invariant: nothing panics, and a policy that is read has a quorum.
func FuzzParsePolicy(f *testing.F) {
	f.Add(policyText(f, "log LOG\nwitness a W1\ngroup g all a\nquorum g\n"))
	f.Add("quorum none")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := ParsePolicy(text); err == nil && p.quorum == "" {
			t.Error("no quorum")
		}
	})
}
