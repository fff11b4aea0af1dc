//go:build !amd64 || purego

package lanes

// paired is false: there is no code for two messages at a time.
const paired = false

func blocks(*state, *state, *byte, *byte, int) {}
