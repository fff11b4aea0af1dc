package statetopic

import "testing"

// The hashes are those of Java's String.hashCode.
func TestPartitionIsKafkas(t *testing.T) {
	for key, want := range map[string]int32{
		"":                   0,
		"test":               3556498 % 50,
		"hello":              99162322 % 50,
		"zzzzzz":             685785664 % 50, // overflows
		"Hello, World!":      1498789909 % 50,
		"console-consumer":   648006740 % 50, // the hash is negative
		"polygenelubricants": 0,              // the one value that has no absolute value
		"\U0001F600":         1772899 % 50,   // two UTF-16 units
	} {
		if got := PartitionFor(key, 50); got != want {
			t.Errorf("PartitionFor(%q) is %d, want %d", key, got, want)
		}
	}
}
