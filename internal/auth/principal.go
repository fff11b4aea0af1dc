package auth

// Principal is who a connection's requests are on behalf of. It is comparable.
type Principal struct {
	// Type is the kind of name: "User", or "Node" for clients in the process.
	Type string
	// Name is a user's name, or the subject of a client's certificate.
	Name string
}

// userType is the type of everybody who comes over the network (Kafka's
// KafkaPrincipal.USER_TYPE).
const userType = "User"

// User is the principal of the named user.
func User(name string) Principal { return Principal{userType, name} }

// Anonymous is the principal of clients that did not have to say who they are.
func Anonymous() Principal { return User("ANONYMOUS") }

// InProcess is the principal of the node's own clients. No user can have it.
func InProcess() Principal { return Principal{"Node", "in-process"} }

// String writes p as Kafka's tools do: "User:alice".
func (p Principal) String() string { return p.Type + ":" + p.Name }
