// Package cloudevents holds package event to what CloudEvents' own SDK for Go reads and
// writes: events of one go through the other, both ways, in each form that both have,
// and the time that each takes is measured side by side. It has tests only.
package cloudevents
