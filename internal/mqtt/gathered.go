package mqtt

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// gathered makes a consumer's connection read and write in large pieces: paho asks the system four times for each message that
// arrives and once for each acknowledgement, which under load costs more than everything else that it does.
//
// What is written leaves a moment later. That changes nothing that anybody may rely on: a QoS 1 publish is complete with its
// PUBACK, and an acknowledgement that does not arrive only means that the message is delivered again.
type gathered struct {
	net.Conn
	in *bufio.Reader

	mu         sync.Mutex
	room       sync.Cond // the buffer was taken, or the connection has failed
	out, spare []byte
	err        error // of a write, for all writes after it

	wake   chan struct{}
	ending chan struct{}
	ended  chan struct{}
	once   sync.Once
}

const (
	gatherBuffer = 64 << 10
	gatherLimit  = 256 << 10        // Write waits while so much has not left
	gatherBusy   = 64               // so many bytes at once mean load (16 acknowledgements)
	gatherLinger = time.Millisecond // under load, what is written waits so long for more
	gatherLast   = 2 * time.Second  // for what is left when the connection is closed
)

// gatherConnections lets o's connections be gathered ones. Websockets and proxies stay with paho.
func gatherConnections(o *paho.ClientOptions, a account) {
	u, err := url.Parse(a.URL)
	if err != nil || os.Getenv("all_proxy")+os.Getenv("ALL_PROXY") != "" {
		return
	}
	var encrypted bool
	switch u.Scheme {
	case "tcp", "mqtt":
	case "ssl", "tls", "mqtts", "mqtt+ssl", "tcps":
		encrypted = true
	default:
		return
	}
	o.SetCustomOpenConnectionFn(func(u *url.URL, o paho.ClientOptions) (net.Conn, error) {
		var c net.Conn
		var err error
		if encrypted {
			c, err = tls.DialWithDialer(o.Dialer, "tcp", u.Host, a.tls(o.TLSConfig))
		} else {
			c, err = o.Dialer.Dial("tcp", u.Host)
		}
		if err != nil {
			return nil, err
		}
		return gather(c), nil
	})
}

func gather(c net.Conn) *gathered {
	g := &gathered{Conn: c, in: bufio.NewReaderSize(c, gatherBuffer), wake: make(chan struct{}, 1), ending: make(chan struct{}), ended: make(chan struct{})}
	g.room.L = &g.mu
	go g.run()
	return g
}

func (g *gathered) Read(p []byte) (int, error) { return g.in.Read(p) }

// Write never reports its own failure, but that of an earlier one.
func (g *gathered) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.err == nil && len(g.out) > gatherLimit {
		g.room.Wait()
	}
	if g.err != nil {
		return 0, g.err
	}
	g.out = append(g.out, p...)
	select {
	case g.wake <- struct{}{}:
	default:
	}
	return len(p), nil
}

// SetWriteDeadline does nothing: each piece has the write timeout of the package.
func (g *gathered) SetWriteDeadline(time.Time) error { return nil }

// Close sends what is left.
func (g *gathered) Close() error {
	g.once.Do(func() { close(g.ending) })
	<-g.ended
	return g.Conn.Close()
}

func (g *gathered) run() {
	defer close(g.ended)
	for {
		select {
		case <-g.wake:
		case <-g.ending:
			g.fail(net.ErrClosed) // nothing may be added any more
			_, _ = g.flush(gatherLast)
			return
		}
		n, err := g.flush(writeTimeout)
		if err != nil {
			g.fail(err)
			_ = g.Conn.Close() // the reader sees it
			return
		}
		if n < gatherBusy {
			continue
		}
		select {
		case <-time.After(gatherLinger):
		case <-g.ending:
		}
	}
}

func (g *gathered) flush(timeout time.Duration) (int, error) {
	g.mu.Lock()
	piece := g.out
	g.out, g.spare = g.spare[:0], nil
	g.room.Broadcast()
	g.mu.Unlock()
	if len(piece) == 0 {
		return 0, nil
	}
	err := g.Conn.SetWriteDeadline(time.Now().Add(timeout))
	if err == nil {
		_, err = g.Conn.Write(piece)
	}
	g.mu.Lock()
	g.spare = piece
	g.mu.Unlock()
	return len(piece), err
}

func (g *gathered) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	g.room.Broadcast()
}
