package chaos

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/internal/service"
)

// errNotHere is the error of a fault that this machine does not let us do; the page says so.
var errNotHere = errors.New("not possible here")

// verbs do one fault to targets that were drawn, and return when it is over.
var verbs = map[string]func(context.Context, *Run, Fault, []string) error{
	"kill": func(ctx context.Context, r *Run, _ Fault, on []string) error {
		return r.signalAll(ctx, on, syscall.SIGKILL)
	},
	"term": func(ctx context.Context, r *Run, _ Fault, on []string) error {
		return r.signalAll(ctx, on, syscall.SIGTERM)
	},
	"freeze": func(ctx context.Context, r *Run, f Fault, on []string) error {
		pids := map[int]bool{}
		defer func() {
			for pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGCONT) // it may have been killed by the supervisor meanwhile
			}
		}()
		for _, name := range on {
			pid, err := r.stack.signal(ctx, name, syscall.SIGSTOP)
			if err != nil {
				return err
			}
			pids[pid] = true
		}
		service.Pause(ctx, f.For)
		return ctx.Err()
	},
	"cut": func(ctx context.Context, r *Run, f Fault, on []string) error {
		return r.onLinks(ctx, f, on, false, func(l *Link) error { l.Cut(); return nil })
	},
	"toxic": func(ctx context.Context, r *Run, f Fault, on []string) error {
		return r.onLinks(ctx, f, on, false, func(l *Link) error { return l.Toxic(f.Toxic, f.Attributes) })
	},
	"hang": func(ctx context.Context, r *Run, f Fault, on []string) error {
		return r.onLinks(ctx, f, on, true, func(l *Link) error { return l.Toxic(f.Toxic, f.Attributes) })
	},
	"reset": func(ctx context.Context, r *Run, f Fault, on []string) error {
		for end := time.Now().Add(f.For); time.Now().Before(end); {
			for _, name := range on {
				r.wiring.Link(name).Reset()
			}
			if !service.Pause(ctx, time.Duration(100+r.random.IntN(1500))*time.Millisecond) {
				return ctx.Err()
			}
		}
		return nil
	},
	"attack": func(ctx context.Context, r *Run, _ Fault, _ []string) error {
		out, err := exec.CommandContext(ctx, filepath.Join(r.stack.Dir, "bin", "tracker-sim"), "attack", "--stack", r.stack.Dir, "--no-progress").CombinedOutput()
		if err != nil {
			return fmt.Errorf("attacks had an effect: %w\n%s", err, out)
		}
		return nil
	},
	"garbage": func(ctx context.Context, r *Run, f Fault, _ []string) error {
		ctx, cancel := context.WithTimeout(ctx, f.For)
		defer cancel()
		return garbage(ctx, hostOf(r.stack.file.MQTT))
	},
	"launcher": func(ctx context.Context, r *Run, _ Fault, _ []string) error {
		watchers := []string{"guard", "supervisor"} // each would start the other
		if err := errors.Join(r.signalAll(ctx, watchers, syscall.SIGSTOP), r.signalAll(ctx, watchers, syscall.SIGKILL)); err != nil {
			return err
		}
		if err := r.signalAll(ctx, append(r.stack.named("ingest-"), "peer-"+r.stack.operator), syscall.SIGKILL); err != nil {
			return err
		}
		service.Pause(ctx, 2*time.Second)
		// Two at once: the second says so, or waits; both must leave a stack that runs.
		second := exec.CommandContext(ctx, r.stack.network, "up", "--dir", r.stack.Dir, "--no-fleet")
		if err := second.Start(); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, r.stack.network, "up", "--dir", r.stack.Dir, "--no-fleet").CombinedOutput()
		if other := second.Wait(); err != nil && other != nil {
			return fmt.Errorf("neither of two launchers brought the stack up: %w, %w\n%s", err, other, out)
		}
		return nil
	},
}

func (r *Run) signalAll(ctx context.Context, on []string, sig syscall.Signal) error {
	var problems []error
	for _, name := range on {
		_, err := r.stack.signal(ctx, name, sig)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// onLinks makes links bad, waits, and heals them.
func (r *Run) onLinks(ctx context.Context, f Fault, on []string, hang bool, spoil func(*Link) error) error {
	var problems []error
	for _, name := range on {
		problems = append(problems, spoil(r.wiring.Link(name)))
	}
	service.Pause(ctx, f.For)
	for _, name := range on {
		problems = append(problems, r.wiring.Link(name).Heal(hang))
	}
	return errors.Join(append(problems, ctx.Err())...)
}

// draw takes the targets of a fault.
func (r *Run) draw(ctx context.Context, f Fault) ([]string, error) {
	if len(f.On) == 0 {
		return nil, nil
	}
	if f.On[0] == "leader" {
		name, err := r.stack.leader(ctx)
		return []string{name}, err
	}
	all := r.stack.named(f.On...)
	if isLink(f) {
		all = nil
		for _, l := range r.wiring.Links {
			if slices.ContainsFunc(f.On, func(prefix string) bool { return strings.HasPrefix(l.Name, prefix) }) {
				all = append(all, l.Name)
			}
		}
	}
	r.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	count := max(f.Count, 1)
	if len(all) < count {
		return nil, fmt.Errorf("%s: the stack has only %v", f, all)
	}
	return all[:count], nil
}

func isLink(f Fault) bool { return slices.Contains([]string{"cut", "toxic", "hang", "reset"}, f.Verb) }

var (
	operations = regexp.MustCompile(`(?m)^Operations:\n\s+ListenAddress: (\S+)`)
	leads      = regexp.MustCompile(`(?m)^consensus_(BFT|etcdraft)_is_leader\{[^}]*\} 1$`)
)

// leader asks the orderers which of them leads; one that does not answer does not.
func (s *Stack) leader(ctx context.Context) (name string, err error) {
	err = until(ctx, 30*time.Second, "an orderer leads", func() error {
		var problems []error
		for _, orderer := range s.named("orderer-") {
			text, err := s.metricsOf(ctx, orderer)
			if err == nil && leads.MatchString(text) {
				name = orderer
				return nil
			}
			problems = append(problems, err)
		}
		return errors.Join(append(problems, errors.New("none says so"))...)
	})
	return name, err
}

// metricsOf an orderer, at the address that its configuration names.
func (s *Stack) metricsOf(ctx context.Context, orderer string) (string, error) {
	config, err := os.ReadFile(filepath.Join(s.Dir, "fabric", orderer, "orderer.yaml"))
	if err != nil {
		return "", err
	}
	at := operations.FindSubmatch(config)
	if at == nil {
		return "", fmt.Errorf("%s: no Operations.ListenAddress", orderer)
	}
	scheme := "http://"
	if s.file.CA != "" {
		scheme = "https://"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+string(at[1])+"/metrics", nil)
	if err != nil {
		return "", err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return string(raw), err
}

// The starts of conversations that are none.
var beginnings = [][]byte{
	{},                                   // says nothing
	{0x10},                               // CONNECT, and no length
	{0x10, 0xff, 0xff, 0xff},             // a length that goes on
	{0x10, 0xff, 0xff, 0xff, 0xff, 0xff}, // one that is none
	{0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4, 'M', 'Q', 'T', 'T'},                      // 256 MiB to come
	{0x10, 0x10, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 4},                     // cut off in the client's name
	{0x10, 0x10, 0, 4, 'M', 'Q', 'T', 'T', 9, 2, 0, 60, 0, 4, 'a', 'b', 'c', 'd'}, // a version that is none
	{0x30, 0x05, 0, 1, '#', 'x', 'y'},                                             // PUBLISH before CONNECT
	{0xc0, 0x00}, {0xf0, 0x7f}, {0x00, 0x00},
	[]byte("GET / HTTP/1.1\r\nHost: broker\r\n\r\n"),
}

// garbage opens some hundred connections at a time, says what makes no sense, and leaves half of them hanging until it ends.
func garbage(ctx context.Context, address string) error {
	var all sync.WaitGroup
	defer all.Wait()
	for i := 0; ctx.Err() == nil; i++ {
		for range 50 {
			all.Go(func() {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
				if err != nil {
					return
				}
				defer c.Close()
				_, _ = c.Write(beginnings[i%len(beginnings)]) // it may be shown the door meanwhile
				noise := make([]byte, 512)
				if _, err := rand.Read(noise); err == nil && i%2 == 0 {
					_, _ = c.Write(noise)
				} else {
					<-ctx.Done()
				}
			})
		}
		service.Pause(ctx, 200*time.Millisecond)
	}
	return nil
}
