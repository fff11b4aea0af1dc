package demo

import (
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestMoneyIsExactThroughJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Money(rapid.Int64Range(-1e14, 1e14).Draw(t, "thousandths"))
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Money
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Fatalf("%d became %d through %s: %v", want, got, text, err)
		}
	})
}

func TestMoneyIsReadAsWritten(t *testing.T) {
	for text, want := range map[string]Money{
		"2.55": 2550, "0.0": 0, "7": 7000, "-11062.06": -11062060, "0.001": 1, "2.5500000": 2550, "1.": 1000,
	} {
		if got, err := parseMoney(text); err != nil || got != want {
			t.Errorf("parseMoney(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".5", "--1", "1e3", "1,5", "0.0001", "1.2.3", "+1", "1234567890123", "NaN", "1. 5"} {
		if got, err := parseMoney(text); !errors.Is(err, errMoney) {
			t.Errorf("parseMoney(%q) = %d, %v; want an error", text, got, err)
		}
	}
}

func TestMoneyIsShownWithItsUnit(t *testing.T) {
	for m, want := range map[Money]string{
		0: "£0.00", 2550: "£2.55", -2550: "-£2.55", 1: "£0.001", 1234567890: "£1,234,567.89", 999_990: "£999.99",
	} {
		if got := m.String(); got != want {
			t.Errorf("%d shows as %q, want %q", int64(m), got, want)
		}
	}
}
