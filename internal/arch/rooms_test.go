package arch

// module is the path of this module; what is below it is a package of ours.
const module = "github.com/evidentlog/evident"

// floors is the map, lowest first. A room is a package and all packages below
// it, given by path within the module. A room may import rooms of lower floors
// only; the packages within one room are free among themselves. A room that is
// not built yet may stand here already.
var floors = [][]string{
	// Public data types and verification. They import nothing internal, so
	// that other programs can use them alone.
	{"event", "proof"},
	{"client", "function"},
	// 0: what everything stands on.
	{"internal/obs", "internal/vfs", "internal/nearest", "internal/secret", "internal/bucket", "internal/problem"},
	// 1: one disk; who may do what; data too large for the log; ids seen before.
	{"internal/log", "internal/auth", "internal/keyring", "internal/claim", "internal/seen"},
	// 2: the protocol; other people's code.
	{"internal/broker", "internal/wasm"},
	// 3: the way to a broker, ours or another.
	{"internal/engine"},
	// 4: state, declared things, and who changed them.
	{"internal/process", "internal/resource", "internal/audit"},
	// 5: what is built on the log.
	{
		"internal/delivery", "internal/function", "internal/schema", "internal/ledger",
		"internal/aggregate", "internal/workflow", "internal/window", "internal/chain",
	},
	// 6: doors.
	{"internal/console", "internal/gateway", "internal/rule"},
	// 7: all of it put together.
	{"node"},
	// The command's own rooms: settings, then what works with them.
	{"internal/config", "internal/bench", "internal/demo"},
	{"internal/tool"},
	// 8: programs, and a node for tests.
	{"cmd/evident", "evidenttest"},
}

// commandOnly are rooms that serve the command line: nothing below may grow to
// need them.
var commandOnly = []string{"internal/config", "internal/bench", "internal/demo", "internal/tool"}

// standalone are public packages that import nothing internal.
var standalone = []string{"event", "proof", "client", "function"}

// outside are packages that belong to no room: this one, which nobody imports.
var outside = []string{"internal/arch"}

// testOnly are modules that only tests may import.
var testOnly = []string{"github.com/twmb/franz-go/pkg/kfake"}
