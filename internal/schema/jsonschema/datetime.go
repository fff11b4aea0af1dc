package jsonschema

// plainTime says whether a text is a date and time as nearly all are: RFC 3339
// in capitals, in UTC, on a day that each month has, without a leap second. What
// is not may be one still, and the library says.
func plainTime(s []byte) bool {
	const form = "0000-00-00T00:00:00"
	if len(s) <= len(form) {
		return false
	}
	for i, c := range []byte(form) {
		if c == '0' && (s[i] < '0' || s[i] > '9') || c != '0' && s[i] != c {
			return false
		}
	}
	month, day := two(s[5:]), two(s[8:])
	if month < 1 || month > 12 || day < 1 || day > 28 || two(s[11:]) > 23 || two(s[14:]) > 59 || two(s[17:]) > 59 {
		return false
	}
	s = s[len(form):]
	if s[0] == '.' {
		n := 1
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		if n == 1 || n > 10 {
			return false
		}
		s = s[n:]
	}
	return string(s) == "Z"
}

// two is the number that two digits are.
func two(s []byte) int { return int(s[0]-'0')*10 + int(s[1]-'0') }
