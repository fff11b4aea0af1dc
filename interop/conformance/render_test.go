package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fill sets the fields of a request that the JSON object names. What it does
// not name keeps Kafka's default, in the structs of lists too.
func fill(t *testing.T, req kmsg.Request, object string) {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	if err := fillStruct(reflect.ValueOf(req).Elem(), fields); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
}

func fillStruct(v reflect.Value, fields map[string]json.RawMessage) error {
	for name, raw := range fields {
		field := v.FieldByName(name)
		if !field.IsValid() {
			return fmt.Errorf("%s has no field %s", v.Type(), name)
		}
		if err := fillValue(field, raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func fillValue(v reflect.Value, raw json.RawMessage) error {
	var number int64
	switch {
	case v.Kind() == reflect.Struct:
		return fillObject(v, raw)
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct:
		v.Set(reflect.New(v.Type().Elem()))
		return fillObject(v.Elem(), raw)
	case v.CanInt() && json.Unmarshal(raw, &number) == nil:
		v.SetInt(number) // enumerations too, which would want their names
		return nil
	}
	if v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.Struct {
		return json.Unmarshal(raw, v.Addr().Interface())
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		if err := fillObject(v.Index(i), item); err != nil {
			return err
		}
	}
	return nil
}

func fillObject(v reflect.Value, raw json.RawMessage) error {
	v.Addr().Interface().(interface{ Default() }).Default()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	return fillStruct(v, fields)
}

// render shows an answer: a line for each struct, with the fields that are not
// at their defaults, and its lists of structs indented below it, in an order
// that does not depend on the peer's. Left out is what is each cluster's own:
// messages, addresses, throttling; ids are shown as there and no more.
func (n names) render(resp kmsg.Response) []string {
	v := reflect.ValueOf(resp).Elem()
	return n.renderStruct(v, "", "< ")
}

// own are fields that are each cluster's own.
var own = []string{"Version", "UnknownTags", "ThrottleMillis", "ErrorMessage", "Brokers", "Host", "Port", "Rack"}

func (n names) renderStruct(v reflect.Value, label, indent string) []string {
	line, below := label, []string{}
	fresh := reflect.New(v.Type())
	if d, ok := fresh.Interface().(interface{ Default() }); ok {
		d.Default()
	}
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case slices.Contains(own, name), field.Kind() == reflect.Slice && field.Len() == 0:
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			below = append(below, n.renderList(field, name, indent+"  ")...)
		case field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct:
			if !field.IsNil() {
				below = append(below, n.renderStruct(field.Elem(), name+":", indent+"  ")...)
			}
		case field.Kind() == reflect.Struct:
			if lines := n.renderStruct(field, name+":", indent+"  "); len(lines) > 1 || !strings.HasSuffix(lines[0], ":") {
				below = append(below, lines...)
			}
		case name == "ErrorCode" && label != "" || !reflect.DeepEqual(field.Interface(), fresh.Elem().Field(i).Interface()):
			line += " " + name + "=" + n.show(name, field)
		}
	}
	if line == "" {
		if len(below) == 0 {
			return []string{indent + "nothing"}
		}
		return outdent(below)
	}
	return append([]string{indent + strings.TrimSpace(line)}, below...)
}

// outdent takes back the indentation below a struct that has no line.
func outdent(lines []string) []string {
	for i := range lines {
		lines[i] = "< " + strings.TrimPrefix(lines[i], "<   ")
	}
	return lines
}

func (n names) renderList(list reflect.Value, name, indent string) []string {
	var items [][]string
	for i := range list.Len() {
		if c, ok := list.Index(i).Interface().(kmsg.CreateTopicsResponseTopicConfig); ok && c.Source != int8(kmsg.ConfigSourceDynamicTopicConfig) {
			continue // what the topic was not given is the cluster's own
		}
		items = append(items, n.renderStruct(list.Index(i), name+":", indent))
	}
	slices.SortFunc(items, slices.Compare)
	return slices.Concat(items...)
}

// show is a value of the field of that name.
func (n names) show(name string, v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "null"
		}
		v = v.Elem()
	}
	switch name {
	case "ErrorCode":
		return codeName(int16(v.Int()))
	case "TopicID", "ClusterID", "ProducerID", "MemberID", "Dir", "TotalBytes", "UsableBytes", "AssignmentEpoch", "FinalizedFeaturesEpoch":
		return "some"
	case "MemberEpoch", "Epoch": // Kafka's groups begin with 1 or 2, according to its release
		if v.Int() > 0 {
			return "some"
		}
	case "NodeID", "Leader", "LeaderID", "ControllerID", "BrokerID", "Broker", "CoordinatorID":
		if v.Int() >= 0 {
			return "some"
		}
	case "Replicas", "ISR", "OfflineReplicas", "EligibleLeaderReplicas", "LastKnownELR":
		return fmt.Sprintf("%d", min(v.Len(), 1)) // some or none
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		return fmt.Sprintf("%q", v.Bytes())
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return fmt.Sprint(v.Interface())
	}
	return n.contract(strings.Trim(string(text), `"`))
}
