package mqtt

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

func gatheredPair(t *testing.T) (*gathered, net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	g := gather(a)
	t.Cleanup(func() { _ = b.Close(); _ = g.Close() })
	return g, b
}

// Everything that was written before Close arrives, once and in the order of each writer.
func TestGatheredKeepsOrder(t *testing.T) {
	g, peer := gatheredPair(t)
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(peer)
		got <- all
	}()
	const writers, each = 4, 5000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				var b [8]byte
				binary.BigEndian.PutUint32(b[:], uint32(w))
				binary.BigEndian.PutUint32(b[4:], uint32(i))
				if _, err := g.Write(b[:]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	all := <-got
	if len(all) != writers*each*8 {
		t.Fatalf("%d bytes arrived", len(all))
	}
	var next [writers]uint32
	for ; len(all) > 0; all = all[8:] {
		w := binary.BigEndian.Uint32(all)
		if binary.BigEndian.Uint32(all[4:]) != next[w] {
			t.Fatal("out of order")
		}
		next[w]++
	}
	if _, err := g.Write([]byte{1}); err == nil {
		t.Fatal("a closed connection takes bytes")
	}
}

// A peer that is gone ends writers that wait for room, and the reader.
func TestGatheredFails(t *testing.T) {
	g, peer := gatheredPair(t)
	failed := make(chan error, 1)
	go func() {
		piece := bytes.Repeat([]byte{1}, 4096)
		for {
			if _, err := g.Write(piece); err != nil {
				failed <- err
				return
			}
		}
	}()
	_, _ = io.ReadFull(peer, make([]byte, 4096))
	_ = peer.Close()
	select {
	case <-failed:
	case <-time.After(10 * time.Second):
		t.Fatal("the writer still waits")
	}
	if _, err := g.Read(make([]byte, 1)); err == nil {
		t.Fatal("the reader does not see it")
	}
}
