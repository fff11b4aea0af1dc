package jsontext

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Style is how values are written.
type Style struct {
	// Sorted writes members in the order of their names.
	Sorted bool
	// Doubles writes numbers with a fraction or an exponent as Java's Double
	// has them (1e3 as 1000.0), as Avro's library for Java does.
	Doubles bool
}

// Append writes a value without white space.
func (s Style) Append(b []byte, v *Value) []byte {
	switch v.Kind {
	case Null:
		return append(b, "null"...)
	case String:
		return AppendString(b, v.Text)
	case Int:
		if v.Text == "-0" {
			return append(b, '0')
		}
		return append(b, v.Text...)
	case Float:
		if s.Doubles {
			return AppendDouble(b, v.Text)
		}
		return append(b, v.Text...)
	case Array:
		b = append(b, '[')
		for i := range v.Items {
			b = s.Append(comma(b, i), &v.Items[i])
		}
		return append(b, ']')
	case Object:
		return s.object(b, v.Members)
	}
	return append(b, v.Text...)
}

func (s Style) object(b []byte, members []Member) []byte {
	if s.Sorted {
		members = Sorted(members)
	}
	b = append(b, '{')
	for i := range members {
		b = AppendString(comma(b, i), members[i].Name)
		b = s.Append(append(b, ':'), &members[i].Value)
	}
	return append(b, '}')
}

// Sorted returns the members in the order of their names.
func Sorted(members []Member) []Member {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// AppendString writes a string with the escapes of Jackson: only those that
// JSON demands, short where there is a short one, digits in capitals.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		default:
			if short := strings.IndexByte("\b\f\n\r\t", c); short >= 0 {
				b = append(b, '\\', "bfnrt"[short])
			} else {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
	}
	return append(b, '"')
}

// AppendDouble writes a number as Java's Double.toString does: with a point,
// and with an exponent where it is below 10^-3 or from 10^7 on. One that is
// beyond a double is written as a string, as Jackson does.
func AppendDouble(b []byte, text string) []byte {
	f, _ := strconv.ParseFloat(text, 64)
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		from := len(b)
		b = strconv.AppendFloat(b, f, 'f', -1, 64)
		if !slices.Contains(b[from:], '.') {
			b = append(b, ".0"...)
		}
		return b
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	b = append(append(b, digits...), 'E')
	return strconv.AppendInt(b, int64(n), 10)
}
