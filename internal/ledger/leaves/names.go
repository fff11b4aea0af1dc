package leaves

// Names are keys of headers, which repeat from record to record.
type Names map[string]string

// Of returns a name as a string, without making one each time. It forgets all of
// them when there are a thousand, so that made-up names take no memory.
func (n Names) Of(b []byte) string {
	if name, ok := n[string(b)]; ok {
		return name
	}
	const most = 1000
	if len(n) >= most {
		clear(n)
	}
	name := string(b)
	n[name] = name
	return name
}
