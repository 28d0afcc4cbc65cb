package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/checkpoint"
	"github.com/trackseal/trackseal/network/internal/backup"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// The moment of a backup.
//
// What is restored must fit together: ingest's journal and the ledger (the newest anchor that one knows is the other's newest, or
// was just on its way), the journal and InfluxDB (what the journal has forgotten is stored, what is stored is in the journal), the
// nodes of the ledger among themselves (none holds a block that the orderers could decide anew). Copies that are taken one after
// the other fit in no order: a journal that is older than the ledger must be recovered, one that is newer has anchors that are on no
// ledger, and orderers of different heights may order another block where one of them, or a peer, has one already.
//
// So there is one moment. Orderers, peers, InfluxDB and the fleet are frozen, all together; ingest and the APIs go on, cut off from
// them: ingest receives into its journal and acknowledges. In that moment ingest and the APIs copy their stores, and the files of the
// others are linked or copied. These are what kill -9 of all of them would have left, which they recover from at any start.
// Nothing is stopped: clients wait for a second or so. (A restart would cost half a minute, since influxd is slow to open its
// port, and could stall orderers.) The long copy to the backup's folder comes after the moment.

// partShared is what belongs to no process.
const partShared = "stack"

// checkpointTime is how long a program may take to copy its store, which mostly is to link files.
const checkpointTime = 15 * time.Second

// Backup writes a copy of all that the stack keeps to a folder, while it runs or is down.
func (l *Launcher) Backup(ctx context.Context, dir string) error {
	if l.broken != nil {
		return l.broken
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(l.Stack.Dir, dir); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("%s lies in the stack's own folder: choose another place", dir)
	}
	if _, err := os.Stat(l.Stack.Settings()); err != nil {
		return fmt.Errorf("%s holds no stack: run `network up` first", l.Stack.Dir)
	}
	unlock, err := l.hold()
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(l.whole(), l.current()); err != nil {
		return err
	}
	running, err := l.backupRuns()
	if err != nil {
		return err
	}
	target, err := backup.Create(dir)
	if err != nil {
		return fmt.Errorf("no backup: %w", err)
	}
	m, err := l.fill(ctx, target, running)
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		return errors.Join(fmt.Errorf("no backup: %w", err), target.Abandon())
	}
	fmt.Fprintf(l.Out, "%s: %d parts, %d MiB, as of %s\n", dir, len(m.Parts), m.Bytes()>>20, m.Taken.Format(time.RFC3339))
	if m.Running {
		fmt.Fprintf(l.Out, "ledger and InfluxDB stood still for %d ms; messages were received all the while\n", m.StoodStillMS)
	}
	fmt.Fprintf(l.Out, "store %s apart from the rest: it holds every key and secret\n", filepath.Join(dir, "keys"))
	return nil
}

// backupRuns tells whether the stack runs. It does or does not: of a dead process nobody knows what it would have written.
func (l *Launcher) backupRuns() ([]proc.Spec, error) {
	w, err := readWishes(l.Stack)
	if errors.Is(err, os.ErrNotExist) {
		if strays := l.table.Strays(); len(strays) > 0 {
			return nil, errors.New("processes of a stack that is down still run: `network down` ends them")
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, s := range w.Processes {
		if _, err := l.table.Lookup(s.Name); err != nil {
			return nil, fmt.Errorf("%s ought to run and does not: `network up` starts it; or back the stack up at rest, after `network down`", s.Name)
		}
	}
	return w.Processes, nil
}

// fill makes the copy.
func (l *Launcher) fill(ctx context.Context, target *backup.Target, running []proc.Spec) (backup.Manifest, error) {
	m := backup.Manifest{Version: revision(), Running: len(running) > 0}
	stage := filepath.Join(l.Stack.RunDir(), "backup")
	if err := os.RemoveAll(stage); err != nil { // of a backup that was killed
		return m, err
	}
	defer os.RemoveAll(stage)
	still, keepers := l.roles(running)
	defer l.forgetCheckpoints(keepers)
	sources := l.sources(m.Running)
	m.Heights, m.Heads = l.positions(ctx, running)
	var staged []backup.Staged
	err := l.table.Still(ctx, still, func() (err error) {
		m.Taken = time.Now().UTC()
		if err := l.askCheckpoints(ctx, keepers); err != nil {
			return err
		}
		staged, err = backup.Stage(l.Stack.Dir, stage, sources)
		return err
	})
	if err != nil {
		return m, err
	}
	if m.Running {
		m.StoodStillMS = time.Since(m.Taken).Milliseconds()
	}
	sources = slices.DeleteFunc(sources, func(s backup.Source) bool {
		return !slices.ContainsFunc(staged, func(f backup.Staged) bool { return f.Part == s.Name })
	})
	return target.Finish(ctx, m, sources, staged)
}

// roles says which processes stand still and which copy their own stores. Chaincode keeps nothing.
func (l *Launcher) roles(running []proc.Spec) (still, keepers []string) {
	for _, s := range running {
		switch kindOf(s.Name) {
		case "orderer", "peer", "influxdb", topology.Fleet:
			still = append(still, s.Name)
		case "ingest", "api":
			keepers = append(keepers, s.Name)
		}
	}
	return still, keepers
}

// keeps is the folder below which a program of ours keeps its store.
func (l *Launcher) keeps(process string) string {
	kind, org, _ := strings.Cut(process, "-")
	if kind == "api" {
		return filepath.Join(l.Stack.APIDir(topology.Org(org)), "data")
	}
	return filepath.Join(l.Stack.IngestDir(topology.Org(org)), "data")
}

func (l *Launcher) askCheckpoints(ctx context.Context, keepers []string) error {
	ctx, cancel := context.WithTimeout(ctx, checkpointTime)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range keepers {
		g.Go(func() error {
			if _, err := checkpoint.Ask(ctx, l.keeps(name), func() error { return l.table.Signal(name, checkpoint.Signal) }); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// forgetCheckpoints gives the space back that the copies hold. What stays goes with the next backup.
func (l *Launcher) forgetCheckpoints(keepers []string) {
	for _, name := range keepers {
		if err := checkpoint.Forget(l.keeps(name)); err != nil {
			fmt.Fprintf(l.Out, "%s: %v\n", name, err)
		}
	}
}

// positions of the ledger's nodes and of ingest's heads log, for people who compare.
func (l *Launcher) positions(ctx context.Context, running []proc.Spec) (heights, heads map[string]uint64) {
	if len(running) == 0 {
		return nil, nil
	}
	heights, heads = map[string]uint64{}, map[string]uint64{}
	for _, r := range l.readChannel(ctx) {
		if r.Up {
			heights[r.Node] = r.Height
		}
	}
	for _, o := range l.Stack.Ingests() {
		if families, err := l.metrics(ctx, l.Stack.Ops(topology.IngestProcess(o))); err == nil {
			for _, m := range families["trackseal_heads_size"].GetMetric() {
				heads[topology.IngestID(o)] = uint64(m.GetGauge().GetValue())
			}
		}
	}
	return heights, heads
}

// sources are the parts of a backup: what `up` cannot make again, by the process that keeps it. What it renders, builds and logs is
// left out.
func (l *Launcher) sources(live bool) []backup.Source {
	s := l.Stack
	rel := func(paths ...string) []string {
		for i, p := range paths {
			r, err := filepath.Rel(s.Dir, p)
			if err != nil { // both are absolute
				panic(err)
			}
			paths[i] = filepath.ToSlash(r)
		}
		return paths
	}
	part := func(name string, secret, rest []string) backup.Source {
		return backup.Source{Name: name, Roots: append(rest, secret...), Keys: secret}
	}
	// kept is a store of ours: of a running program, its checkpoint is taken.
	kept := func(p backup.Source, process, store string) backup.Source {
		if live {
			p.From = map[string]string{rel(store)[0]: rel(filepath.Join(l.keeps(process), checkpoint.Copy))[0]}
		}
		return p
	}
	// A package holds the key by which a peer opens its chaincode.
	all := []backup.Source{part(partShared, rel(s.TLSDir(), s.CryptoDir(), filepath.Dir(s.Package(""))), rel(s.Settings(), s.ChannelBlock(), s.Invitation(), filepath.Dir(s.ChannelConfig()), s.OverrideDir()))}
	for _, o := range s.Founders() {
		all = append(all, part(topology.OrdererProcess(o), nil, rel(s.NodeData(topology.OrdererProcess(o)))))
	}
	for _, o := range s.Nodes() {
		data := s.NodeData(topology.PeerProcess(o))
		p := part(topology.PeerProcess(o), nil, rel(data))
		p.Keys = rel(filepath.Join(data, "lifecycle"), filepath.Join(data, "externalbuilder")) // the packages again
		all = append(all, p)
	}
	for _, o := range s.Nodes() {
		var tokens []string
		for _, user := range l.influxUsers(o) {
			tokens = append(tokens, s.InfluxToken(o, user))
		}
		all = append(all, part(topology.InfluxProcess(o), rel(tokens...), rel(l.influxData(o))))
	}
	for _, o := range s.Ingests() {
		name := topology.IngestProcess(o)
		journal := filepath.Join(l.keeps(name), "journal")
		// Beside it, what a recovery that was cut short has made: it must not stay beside another journal.
		all = append(all, kept(part(name, rel(s.MQTTPassword(o)), rel(journal, journal+".new")), name, journal))
	}
	for _, o := range s.Nodes() {
		name := topology.APIProcess(o)
		state := filepath.Join(l.keeps(name), "state")
		secret := rel(filepath.Join(l.keeps(name), "sealing-key"), filepath.Join(s.APIDir(o), "signing-key.pem"), s.APISecrets(o))
		all = append(all, kept(part(name, secret, rel(state)), name, state))
	}
	// A tracker's home is its key and its buffer.
	return append(all, part(topology.Fleet, rel(s.FleetDir()), nil))
}

// revision of this program, as far as it knows.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
