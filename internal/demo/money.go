package demo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Money is an amount in thousandths of a pound sterling: the prices of the
// data have up to three decimals, and sums must be exact.
type Money int64

// maxPrice bounds a unit price (one million pounds), so that no sum over an
// invoice can overflow.
const maxPrice Money = 1_000_000_000

var errMoney = errors.New("not an amount with at most three decimals")

// parseMoney reads a decimal number such as "2.55" or "-11062.06". Trailing
// zeros beyond the third decimal are ignored, other digits there are an error.
func parseMoney(s string) (Money, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	fraction = strings.TrimRight(fraction, "0")
	if whole == "" || len(whole) > 12 || len(fraction) > 3 {
		return 0, fmt.Errorf("%q: %w", s, errMoney)
	}
	n, err := strconv.ParseUint(whole+fraction+"000"[len(fraction):], 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, errMoney)
	}
	if negative {
		return -Money(n), nil
	}
	return Money(n), nil
}

// decimal returns the exact amount with two decimals, or three where needed.
func (m Money) decimal() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	if m%10 == 0 {
		return fmt.Sprintf("%s%d.%02d", sign, m/1000, m%1000/10)
	}
	return fmt.Sprintf("%s%d.%03d", sign, m/1000, m%1000)
}

// String returns the amount for people, as in "£1,234.50".
func (m Money) String() string {
	digits, negative := strings.CutPrefix(m.decimal(), "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	sign := ""
	if negative {
		sign = "-"
	}
	return sign + "£" + grouped(whole) + "." + fraction
}

// MarshalJSON writes the amount as an exact JSON number of pounds.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(m.decimal()), nil }

// UnmarshalJSON reads what [Money.MarshalJSON] writes.
func (m *Money) UnmarshalJSON(b []byte) error {
	parsed, err := parseMoney(string(b))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// grouped puts a comma between groups of three digits.
func grouped(digits string) string {
	first := len(digits) % 3
	parts := make([]string, 0, len(digits)/3+1)
	if first > 0 {
		parts = append(parts, digits[:first])
	}
	for i := first; i < len(digits); i += 3 {
		parts = append(parts, digits[i:i+3])
	}
	return strings.Join(parts, ",")
}
