package config

import (
	"fmt"
	"net"

	"github.com/knadh/koanf/v2"

	"github.com/evidentlog/evident/node"
)

// noListener as an address means: do not listen.
const noListener = "none"

// listenerSet are the listeners of each protocol.
type listenerSet struct{ kafka, http, registry []node.Listener }

// listeners reads the listeners of all protocols. A node that runs on another cluster
// speaks HTTP only. One whose HTTP is not where it is by default is not the machine's
// only one: the registry's own address is the first's.
func listeners(k *koanf.Koanf, onCluster bool) (s listenerSet, err error) {
	s.kafka = []node.Listener{}
	if !onCluster {
		if s.kafka, err = protocol(k, "kafka", node.DefaultKafkaAddress); err != nil {
			return s, err
		}
	}
	if s.http, err = protocol(k, "http", node.DefaultHTTPAddress); err != nil {
		return s, err
	}
	registry := noListener
	if len(s.http) == 1 && s.http[0].Address == node.DefaultHTTPAddress {
		registry = node.DefaultRegistryAddress
	}
	if s.registry, err = protocol(k, "registry", registry); err != nil {
		return s, err
	}
	return s, advertised(s.kafka)
}

// advertised refuses a Kafka listener on every interface that does not say
// where clients find it: they would be told to connect to 0.0.0.0.
func advertised(kafka []node.Listener) error {
	for _, l := range kafka {
		host, _, err := net.SplitHostPort(l.Address)
		if err != nil || l.Advertise != "" {
			continue
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			return fmt.Errorf("listener %q on %s is on every interface: tell clients which address to connect to "+
				"with --advertise-kafka HOST:PORT, or \"advertise\" in the file", l.Name, l.Address)
		}
	}
	return nil
}

// protocol reads the listeners of one protocol: the short way (listen-kafka),
// which wins wherever it was given, or the named ones of the file. The result
// is never nil, since nil means the default to a node.
func protocol(k *koanf.Koanf, name, standard string) ([]node.Listener, error) {
	all := named(k, name)
	if short := k.String("listen-" + name); short != "" || all == nil {
		if short == "" {
			short = standard
		}
		all = []node.Listener{{Name: name, Address: short}}
	}
	if len(all) == 1 && all[0].Address == noListener {
		all = []node.Listener{}
	}
	if sasl := k.Strings("sasl-" + name); len(sasl) > 0 {
		if len(all) != 1 {
			return nil, fmt.Errorf("sasl-%s is for one listener, but there are %d %s listeners: "+
				"give each its own \"sasl\" in the file", name, len(all), name)
		}
		all[0].SASL = sasl
	}
	advertise := k.String("advertise-" + name)
	switch {
	case advertise == "":
	case len(all) == 1:
		all[0].Advertise = advertise
	default:
		return nil, fmt.Errorf("advertise-%s gives one address, but there are %d %s listeners: "+
			"give each its own \"advertise\" in the file", name, len(all), name)
	}
	return all, nil
}

// named reads the named listeners of a protocol, nil if the file has none.
func named(k *koanf.Koanf, protocol string) []node.Listener {
	items, ok := k.Get("listeners" + delimiter + protocol).([]any)
	if !ok {
		return nil
	}
	all := make([]node.Listener, 0, len(items))
	for _, item := range items {
		fields, _ := item.(map[string]any)
		list, _ := fields["sasl"].([]string)
		text := func(key string) string { s, _ := fields[key].(string); return s }
		all = append(all, node.Listener{
			Name: text("name"), Address: text("address"), Advertise: text("advertise"),
			TLSCert: text("tls-cert"), TLSKey: text("tls-key"), TLSClientCA: text("tls-client-ca"),
			SASL: list,
		})
	}
	return all
}
