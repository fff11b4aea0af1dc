package node

import "net"

// wired is a connection as the broker is to serve it.
func (n *Node) wired(conn net.Conn) net.Conn {
	if n.cfg.Wire == nil {
		return conn
	}
	return n.cfg.Wire(conn)
}

// wiredAll is a listener whose connections are wired, unless it speaks TLS, where the
// broker asks the connection itself who the client is.
func (n *Node) wiredAll(l openListener) net.Listener {
	if n.cfg.Wire == nil || l.cfg.TLSCert != "" {
		return l.Listener
	}
	return wiredListener{l.Listener, n}
}

type wiredListener struct {
	net.Listener
	node *Node
}

// Accept implements net.Listener.
func (l wiredListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.node.wired(conn), nil
}
