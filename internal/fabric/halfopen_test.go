package fabric

import (
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc/connectivity"
)

// wires keeps a node's connections, so that they can be left hanging: the other side is never told.
type wires struct {
	net.Listener
	mu   sync.Mutex
	open []*wire
}

func (l *wires) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	one := &wire{Conn: c, dead: make(chan struct{}), closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, one)
	return one, nil
}

// hang makes the connections of now carry nothing any more, until the test ends.
func (l *wires) hang(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		close(c.dead)
		t.Cleanup(func() { _ = c.Close() }) // or the server would wait for it
	}
	l.open = nil
}

type wire struct {
	net.Conn
	dead, closed chan struct{}
	once         sync.Once
}

func (c *wire) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.dead:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (c *wire) Write(b []byte) (int, error) {
	select {
	case <-c.dead:
		return len(b), nil
	default:
		return c.Conn.Write(b)
	}
}

func (c *wire) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Connections that carry nothing any more, and of which nobody is told, are found out by their silence, also when all are like that:
// long before the keepalive, which Fabric lets a client send but once a minute.
func TestHalfOpenConnectionsAreReplaced(t *testing.T) {
	for _, bft := range []bool{true, false} {
		f := newFakeNetwork(t)
		f.bft = bft
		c := f.open("carrier")
		if _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: "0"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Network(t.Context()); err != nil { // now there is a connection to every node
			t.Fatal(err)
		}
		for _, n := range f.nodes() {
			n.wires.hang(t)
		}
		wait(t, "transactions again", func() error {
			_, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "b", Value: "1"})
			return err
		})
	}
}

// A node that is only slow answers what it was asked on a connection that is given up meanwhile: nothing under way is cut off.
func TestGivenUpConnectionsStayOpenForAWhile(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	n := c.peers[0]
	if _, err := c.height(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	old, err := n.get()
	if err != nil {
		t.Fatal(err)
	}
	c.giveUp(n)
	if fresh, err := n.get(); err != nil || fresh == old {
		t.Errorf("the next call takes the old connection, error %v; expected a new one", err)
	}
	if state := old.GetState(); state != connectivity.Ready {
		t.Errorf("the old connection is %s, expected that it stays open for the answers under way", state)
	}
}
