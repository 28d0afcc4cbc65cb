package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"gopkg.in/yaml.v3"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Link is one connection between two parts of the stack that goes through us: a listener whose address never changes, and behind it
// the proxy of now.
type Link struct {
	Name     string
	Address  string // host:port, of the listener
	upstream string

	listener net.Listener
	mu       sync.Mutex // guards all below
	proxy    *toxiproxy.Proxy
	old      []*toxiproxy.Proxy // whose connections were left hanging
	cut      bool
	open     map[net.Conn]bool
}

var proxies = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

// NewLink listens and carries everything as it is.
func NewLink(name, upstream string) (*Link, error) {
	l := &Link{Name: name, upstream: upstream, open: map[net.Conn]bool{}}
	var err error
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	l.Address = l.listener.Addr().String()
	if l.proxy, err = l.fresh(); err != nil {
		return nil, errors.Join(err, l.listener.Close())
	}
	go l.accept()
	return l, nil
}

func (l *Link) fresh() (*toxiproxy.Proxy, error) {
	p := toxiproxy.NewProxy(proxies, l.Name, "127.0.0.1:0", l.upstream)
	return p, p.Start()
}

func (l *Link) accept() {
	for {
		from, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		through, cut := l.proxy.Listen, l.cut
		l.mu.Unlock()
		if cut {
			_ = reset(from)
			continue
		}
		go l.carry(from, through)
	}
}

func (l *Link) carry(from net.Conn, through string) {
	to, err := net.Dial("tcp", through)
	if err != nil {
		_ = reset(from)
		return
	}
	l.hold(from, to)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			_, err := io.Copy(way[0], way[1])
			if err != nil && !errors.Is(err, net.ErrClosed) {
				_ = reset(way[0]) // a connection that broke off on one side does so on the other
			}
			_ = way[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range []net.Conn{from, to} {
		_ = c.Close()
		delete(l.open, c)
	}
}

func (l *Link) hold(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.open[c] = true
	}
}

func reset(c net.Conn) error {
	return errors.Join(c.(*net.TCPConn).SetLinger(0), c.Close())
}

// Cut resets all connections, and refuses new ones until Heal.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	l.resetAll()
}

// Reset resets the connections of now.
func (l *Link) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resetAll()
}

func (l *Link) resetAll() {
	for c := range l.open {
		_ = reset(c)
	}
}

// Toxic makes the connections of now and the next ones bad: kind and attributes are toxiproxy's.
func (l *Link) Toxic(kind, attributes string) error {
	for _, way := range []string{"upstream", "downstream"} {
		text := fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": {%s}}`, kind, way, attributes)
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
			return fmt.Errorf("link %s: %s: %w", l.Name, kind, err)
		}
	}
	return nil
}

// Heal lets new connections through as they are. Those of before are closed, or with hang left as bad as they are: who uses them has
// to find out.
func (l *Link) Heal(hang bool) error {
	p, err := l.fresh()
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.cut = false
	old := l.proxy
	l.proxy = p
	if hang {
		l.old = append(l.old, old)
	} else {
		l.resetAll()
	}
	l.mu.Unlock()
	if !hang {
		go old.Stop() // it may wait for toxics that sleep
	}
	return nil
}

// Close ends everything.
func (l *Link) Close() {
	_ = l.listener.Close()
	l.Cut()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range append(l.old, l.proxy) {
		go p.Stop()
	}
	l.old = nil
}

// Wiring is a stack whose connections go through links: configurations that name other addresses, until Unwire.
type Wiring struct {
	stack *Stack
	Links []*Link
	files map[string][]byte // as they were

	profile   string // of the operator
	announced *ledger.AnnounceArgs
}

// The names of links, which the table uses.
const (
	linkBroker  = "trackers-broker"
	linkInflux  = "ingest-influxdb"
	linkFabric  = "ingest-" // and then the node
	linkReading = "api-influxdb"
	linkPull    = "copy-ingest"
)

// Wire puts links between trackers and broker, ingest and InfluxDB, ingest and every node of Fabric, the operator's API and InfluxDB, and
// the members' copies and ingest. The processes concerned are started again.
func (s *Stack) Wire(ctx context.Context) (*Wiring, error) {
	w := &Wiring{stack: s, files: map[string][]byte{}}
	err := w.wire(ctx)
	if err != nil {
		err = errors.Join(err, w.Unwire(context.WithoutCancel(ctx)))
	}
	return w, err
}

func (w *Wiring) wire(ctx context.Context) error {
	s := w.stack
	if err := w.link(linkBroker, hostOf(s.file.MQTT)); err != nil {
		return err
	}
	config := filepath.Join(s.Dir, "ingest-"+s.operator, "config.yaml")
	raw, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var c struct {
		Influx struct {
			URL string `yaml:"url"`
		} `yaml:"influx"`
		Fabric struct {
			Profile string `yaml:"profile"`
		} `yaml:"fabric"`
	}
	if err := yaml.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("%s: %w", config, err)
	}
	profile, err := os.ReadFile(c.Fabric.Profile)
	if err != nil {
		return err
	}
	nodes := string(profile)
	for _, name := range s.named("peer-", "orderer-") {
		if err := w.link(linkFabric+name, s.address(name)); err != nil {
			return err
		}
		// Also inside of patterns, which escape the dots.
		at, ours := s.address(name), w.Link(linkFabric+name).Address
		nodes = strings.NewReplacer(at, ours, strings.ReplaceAll(at, ".", `\.`), strings.ReplaceAll(ours, ".", `\.`)).Replace(nodes)
	}
	path := filepath.Join(s.Dir, "ingest-"+s.operator, "profile-through-links.yaml")
	if err := os.WriteFile(path, []byte(nodes), 0o600); err != nil {
		return err
	}
	if err := w.link(linkInflux, hostOf(c.Influx.URL)); err != nil {
		return err
	}
	if err := w.link(linkReading, hostOf(c.Influx.URL)); err != nil {
		return err
	}
	if err := w.link(linkPull, hostOf(s.file.Ingest[0].URL)); err != nil {
		return err
	}
	if err := w.rewrite(config, hostOf(c.Influx.URL), w.Link(linkInflux).Address, c.Fabric.Profile, path); err != nil {
		return err
	}
	if err := w.rewrite(filepath.Join(s.Dir, "api-"+s.operator, "config.yaml"), hostOf(c.Influx.URL), w.Link(linkReading).Address); err != nil {
		return err
	}
	was, err := s.readdress(ctx, c.Fabric.Profile, strings.Replace(s.file.Ingest[0].URL, hostOf(s.file.Ingest[0].URL), w.Link(linkPull).Address, 1))
	if err != nil {
		return err
	}
	w.profile, w.announced = c.Fabric.Profile, &was
	return w.restart(ctx)
}

func (w *Wiring) link(name, upstream string) error {
	l, err := NewLink(name, upstream)
	if err == nil {
		w.Links = append(w.Links, l)
	}
	return err
}

// Link of a name.
func (w *Wiring) Link(name string) *Link {
	i := slices.IndexFunc(w.Links, func(l *Link) bool { return l.Name == name })
	return w.Links[i]
}

func (w *Wiring) rewrite(path string, oldnew ...string) error {
	was, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := strings.NewReplacer(oldnew...).Replace(string(was))
	if text == string(was) {
		return fmt.Errorf("%s does not name %v", path, oldnew)
	}
	w.files[path] = was
	return os.WriteFile(path, []byte(text), 0o600)
}

// restart has the supervisor start what reads the configurations.
func (w *Wiring) restart(ctx context.Context) error {
	names := append(w.stack.named("ingest-"), "api-"+w.stack.operator)
	was := map[string]int{}
	for _, name := range names {
		pid, err := w.stack.signal(ctx, name, syscall.SIGTERM)
		if err != nil {
			return err
		}
		was[name] = pid
	}
	if err := until(ctx, time.Minute, "started again with other configurations", func() error {
		for name, old := range was {
			if pid, err := w.stack.pid(name); err != nil || pid == old {
				return fmt.Errorf("%s: still %d: %v", name, pid, err)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return w.stack.Whole(ctx, 2*time.Minute)
}

// Unwire puts everything back.
func (w *Wiring) Unwire(ctx context.Context) error {
	var problems []error
	for path, was := range w.files {
		problems = append(problems, os.WriteFile(path, was, 0o600))
	}
	if len(w.files) > 0 {
		problems = append(problems, w.restart(ctx))
	}
	if w.announced != nil {
		problems = append(problems, w.stack.announce(ctx, w.profile, *w.announced))
	}
	for _, l := range w.Links {
		l.Close()
	}
	return errors.Join(problems...)
}

func hostOf(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	return u.Host
}
