package chaos

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// echo answers every line with itself.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return ln.Addr().String()
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// answer sends a line and returns what comes back within a time.
func answer(c net.Conn, within time.Duration, line string) (string, error) {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	back, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(back, "\n"), err
}

// Each fault does to a connection what it says, new connections are good again after it, and old ones are closed or hang.
func TestLink(t *testing.T) {
	const soon, patient = 300 * time.Millisecond, 10 * time.Second
	fine := func(t *testing.T, l *Link) net.Conn {
		t.Helper()
		c := dial(t, l)
		if got, err := answer(c, patient, "hello"); got != "hello" {
			t.Fatalf("a good connection answers %q, %v; want hello", got, err)
		}
		return c
	}
	silent := func(t *testing.T, c net.Conn) {
		t.Helper()
		if got, err := answer(c, soon, "hello"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("answers %q, %v; want silence", got, err)
		}
	}
	gone := func(t *testing.T, c net.Conn) {
		t.Helper()
		if got, err := answer(c, patient, "hello"); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("answers %q, %v; want the connection to be gone", got, err)
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*Link) error
		hang  bool
		then  func(*testing.T, net.Conn) // during the fault, of a connection of before
		after func(*testing.T, net.Conn)
	}{
		{"cut", func(l *Link) error { l.Cut(); return nil }, false, gone, gone},
		{"reset", func(l *Link) error { l.Reset(); return nil }, false, gone, gone},
		{"silent", func(l *Link) error { return l.Toxic("timeout", `"timeout": 0`) }, false, silent, gone},
		{"half open", func(l *Link) error { return l.Toxic("timeout", `"timeout": 0`) }, true, silent, silent},
		{"slow", func(l *Link) error { return l.Toxic("latency", `"latency": 5000`) }, false, silent, gone},
		{"one byte at a time", func(l *Link) error { return l.Toxic("slicer", `"average_size": 1, "size_variation": 0, "delay": 50`) }, false, func(t *testing.T, c net.Conn) {
			if got, err := answer(c, patient, "hello"); got != "hello" {
				t.Errorf("answers %q, %v; want hello in pieces", got, err)
			}
		}, gone},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := NewLink(c.name, echo(t))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			before := fine(t, l)
			if err := c.spoil(l); err != nil {
				t.Fatal(err)
			}
			c.then(t, before)
			if err := l.Heal(c.hang); err != nil {
				t.Fatal(err)
			}
			fine(t, l)
			c.after(t, before)
		})
	}
}
