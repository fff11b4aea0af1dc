# Shortcuts. Each is a command that can as well be typed.

.PHONY: ci test demo bench interop

# What a change must pass.
ci:
	.ci/run

test:
	go test ./...

demo:
	go run ./cmd/evident demo

# The figures of docs/benchmarks.md, on this machine.
bench:
	interop/bench.sh

# Other people's clients, whose results go into the README, and a hundred
# crashes of each kind. Takes more than an hour.
interop:
	interop/all.sh
	go -C interop test ./crash -v -timeout 30m -crashes 100
