package event

// CausedBy says that another event led to this one: causationid is the other's id. Of
// what this event has not got yet it gets correlationid from the other, whose id it is
// if the other begins the flow, and the trace of the beginning, traceparent and
// tracestate.
func (e *Event) CausedBy(cause *Event) {
	e.SetExtension(CausationID, String(cause.ID))
	if e.extension(CorrelationID) == "" {
		flow := cause.extension(CorrelationID)
		if flow == "" {
			flow = cause.ID
		}
		e.SetExtension(CorrelationID, String(flow))
	}
	if e.extension(TraceParent) != "" {
		return
	}
	for _, name := range []string{TraceParent, TraceState} {
		if v, ok := cause.Extension(name); ok {
			e.SetExtension(name, v)
		}
	}
}
