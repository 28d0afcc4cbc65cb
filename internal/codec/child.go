package codec

import (
	"bufio"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// tired is the processor time after which a child asks to be replaced; the system ends it at twice that.
const tired = 60 * time.Second

// ChildMain must be the first line of main, and of TestMain where a test runs codecs: in a process that is a child it serves its parent and
// does not return. In all others it returns at once.
func ChildMain() {
	if len(os.Args) != 2 || os.Args[1] != argument {
		return
	}
	time.Local = time.UTC
	// A service's stop reaches all of its processes: the parent decides when its children go.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	debug.SetMaxStack(32 << 20)
	debug.SetMemoryLimit(Memory / 3 * 2)
	time.Sleep(time.Millisecond) // the runtime's timers open what they need before there is nothing to be opened any more
	h := hello{}
	if err := confine(); err != nil {
		h.Unconfined = err.Error()
	}
	os.Exit(serve(h))
}

// serve answers requests until the parent closes the pipe. A second goroutine reads, so that the child ends with its parent even when a
// call does not end.
func serve(h hello) int {
	out := os.Stdout
	if err := writeFrame(out, h); err != nil {
		return 1
	}
	requests := make(chan request)
	go func() {
		in := bufio.NewReader(os.Stdin)
		for {
			var req request
			if err := readFrame(in, &req); err != nil {
				os.Exit(0)
			}
			requests <- req
		}
	}()
	var programs [slots]*program
	for req := range requests {
		if req.Slot < 0 || req.Slot >= slots {
			return 1
		}
		if req.Script != nil {
			programs[req.Slot] = compile(string(req.Script))
		}
		p := programs[req.Slot]
		if p == nil {
			return 1
		}
		r := p.run(&req)
		r.Tired = processorTime() > tired
		if err := writeFrame(out, r); err != nil {
			return 1
		}
	}
	return 0
}
