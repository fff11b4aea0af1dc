package proof

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"
)

// A witness whose clock is wrong still vouches for the history, and not for a time.
func TestTheTimeOfAWitnessWithAWrongClockIsNotUsed(t *testing.T) {
	logged := time.UnixMilli(1795629123456)
	policy := must[*Policy](t)(ParsePolicy(policyText(t, "log LOG\nwitness one W1\nquorum one")))
	for name, c := range map[string]struct {
		signed, now time.Time
		want        string
	}{
		"right":                    {logged.Add(time.Minute), logged.Add(time.Hour), ""},
		"a little early":           {logged.Add(-ClockMargin), logged.Add(time.Hour), ""},
		"early":                    {logged.Add(-ClockMargin - 2*time.Second), logged.Add(time.Hour), "when the log says that it wrote what was cosigned"},
		"a little late":            {logged.Add(time.Hour + ClockMargin), logged.Add(time.Hour), ""},
		"still to come":            {logged.Add(time.Hour + ClockMargin + time.Second), logged.Add(time.Hour), "still to come"},
		"whoever checks has none":  {logged.Add(100 * 365 * 24 * time.Hour), time.Time{}, ""},
		"at the beginning of time": {time.Unix(1, 0), logged.Add(time.Hour), "1970-01-01T00:00:01Z is before 2026-11-25"},
	} {
		d := newDeployment(t, orders(3)...)
		d.witnesses = []*Signer{must[*Signer](t)(NewEd25519Cosigner("w1.example", ed25519.NewKeyFromSeed(seed(11)), func() time.Time { return c.signed }))}
		r := must[*Report](t)(d.file(t, 1).Verify(Trust{Policy: policy, Now: c.now}))
		h := r.Heads[0]
		if used := len(h.Existed) == 1; used != (c.want == "") {
			t.Errorf("%s: existed %v, unknown %q", name, h.Existed, h.Unknown)
		}
		if !strings.Contains(strings.Join(h.Unknown, "\n"), c.want) || c.want != "" && !strings.Contains(strings.Join(h.Unknown, "\n"), "time in the cosignature of witness one") {
			t.Errorf("%s: unknown %q, want %q", name, h.Unknown, c.want)
		}
	}
}
