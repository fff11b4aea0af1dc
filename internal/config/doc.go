// Package config turns what a person gave (flags, environment variables, a
// YAML file) into a [node.Config], or into the [Client] settings that the
// client commands share.
//
// A flag wins over an environment variable, which wins over the file, which
// wins over the default. One table of settings serves all three: the setting
// "log-level" is the flag --log-level, the variable EVIDENT_LOG_LEVEL and the
// file's key log-level. What only the file can say is several named listeners:
//
//	listeners:
//	  kafka:
//	    - name: internal
//	      address: 0.0.0.0:9092
//	      advertise: broker:9092
//	      tls-cert: broker.pem
//	      tls-key: broker.key
//	      sasl: [SCRAM-SHA-512, PLAIN]
//
// Every value is checked where it was read, so an error names the flag, the
// variable, or the file and line, and what to write there instead.
//
// It is not where a node applies its configuration: it opens no listener and
// reads no file but its own. Secrets are references, which the node follows.
package config
