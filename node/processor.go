package node

import "github.com/evidentlog/evident/internal/process"

// What a program needs to give a node processors of its own (Config.Processors): a
// Processor is a named piece of code with inputs, whose Handler is given records and
// does with the Step of each what is to take effect together.
type (
	Processor    = process.Processor
	Handler      = process.Handler
	HandlerFunc  = process.HandlerFunc
	TimerHandler = process.TimerHandler
	Step         = process.Step
	Output       = process.Output
	Store        = process.Store
	StoreConfig  = process.StoreConfig
	Entry        = process.Entry
	Timer        = process.Timer
	Task         = process.Task
	Policy       = process.Policy
	StartAt      = process.Start
)

// The clocks that a Timer goes by.
const (
	WallClock  = process.WallClock
	EventClock = process.EventClock
)

// ErrReject is wrapped by errors of a handler about a record that will never be right:
// it is not tried again.
var ErrReject = process.ErrReject
