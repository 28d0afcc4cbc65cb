package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/network/internal/backup"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// RestoreOptions is what `restore` was asked for.
type RestoreOptions struct {
	Only []string // parts by name or kind; empty = all
	Yes  bool     // replace what is there
}

// Restore puts parts of a backup in their places in a stack that is down. `up` renders all else.
//
// Crash order: files are copied and checked aside; a mark says that places are being changed; what is there moves to replaced/TIME,
// and the new takes its place; the mark goes. While it is there `up` refuses, and the same restore can be repeated.
func (l *Launcher) Restore(ctx context.Context, dir string, opt RestoreOptions) error {
	m, err := backup.Read(dir)
	if err != nil {
		return err
	}
	parts, err := m.Pick(opt.Only)
	if err != nil {
		return err
	}
	if err := fits(m, parts); err != nil {
		return err
	}
	release, err := l.hold()
	if err != nil {
		return err
	}
	defer release()
	if err := l.atRest(); err != nil {
		return err
	}
	if there := l.inPlace(parts); there != "" && !opt.Yes {
		return fmt.Errorf("%s is there: with --yes it is moved to %s and replaced", there, filepath.Join(l.Stack.Dir, replacedDir))
	}
	fmt.Fprintf(l.Out, "checking %d parts\n", len(parts))
	if err := backup.Verify(ctx, dir, parts); err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	stage := filepath.Join(l.Stack.RunDir(), "restore")
	if err := os.RemoveAll(stage); err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	for _, p := range parts {
		if err := backup.Put(ctx, dir, p, stage); err != nil {
			return fmt.Errorf("nothing was restored: %w", err)
		}
	}
	if err := proc.WriteFile(l.restoring(), []byte(dir+"\n"), 0o600); err != nil {
		return err
	}
	now := filepath.Join(l.Stack.Dir, replacedDir, time.Now().UTC().Format("20060102T150405.000Z"))
	moved := false
	for _, p := range parts {
		for _, root := range p.Roots {
			did, err := swap(l.Stack.Dir, stage, now, filepath.FromSlash(root))
			if err != nil {
				return fmt.Errorf("part %s: %w; repeat the restore", p.Name, err)
			}
			moved = moved || did
		}
	}
	if err := os.Remove(l.restoring()); err != nil {
		return err
	}
	fmt.Fprintf(l.Out, "restored %s as of %s\n", names(parts), m.Taken.Format(time.RFC3339))
	if moved {
		fmt.Fprintf(l.Out, "what was there is in %s: delete it when all is well\n", now)
	}
	l.afterRestore(m, parts)
	return nil
}

const replacedDir = "replaced"

// restoring is the mark of a restore that has begun to change places.
func (l *Launcher) restoring() string { return filepath.Join(l.Stack.RunDir(), "restoring") }

// whole is an error when a restore was cut short: parts of different times do not fit.
func (l *Launcher) whole() error {
	from, err := os.ReadFile(l.restoring())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("a restore of %s was cut short: repeat it with --yes", strings.TrimSpace(string(from)))
}

// atRest is an error when something of the stack runs.
func (l *Launcher) atRest() error {
	w, err := readWishes(l.Stack)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(w.Processes) > 0 || len(l.table.Strays()) > 0 {
		return errors.New("the stack is up: `network down` first")
	}
	return nil
}

// inPlace names something that the parts would replace; "" when there is nothing.
func (l *Launcher) inPlace(parts []backup.Part) string {
	for _, p := range parts {
		for _, root := range p.Roots {
			path := filepath.Join(l.Stack.Dir, filepath.FromSlash(root))
			if _, err := os.Lstat(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// swap moves what is at a root aside, and what was staged for it there. A root that the backup has no file of stays empty.
func swap(stack, stage, aside, root string) (moved bool, err error) {
	place := filepath.Join(stack, root)
	if _, err := os.Lstat(place); err == nil {
		if err := mkdir(filepath.Dir(filepath.Join(aside, root))); err != nil {
			return false, err
		}
		if err := os.Rename(place, filepath.Join(aside, root)); err != nil {
			return false, err
		}
		moved = true
	}
	if _, err := os.Lstat(filepath.Join(stage, root)); errors.Is(err, os.ErrNotExist) {
		return moved, nil
	}
	if err := mkdir(filepath.Dir(place)); err != nil {
		return moved, err
	}
	return moved, os.Rename(filepath.Join(stage, root), place)
}

// fits refuses what could make two ledgers. One orderer that comes back older learns from the others what it forgot. Two that do can
// order other blocks, with the rest of the stack still holding what they forgot. The ledger goes back as a whole, with all that was
// built on it, or not at all.
func fits(m backup.Manifest, parts []backup.Part) error {
	orderers := 0
	for _, p := range parts {
		if m.Format < 2 && kindOf(p.Name) == "ingest" && len(parts) < len(m.Parts) {
			return fmt.Errorf("%s lay elsewhere when this backup was made: restore everything (without --only) into a new folder", p.Name)
		}
		if kindOf(p.Name) == "orderer" {
			orderers++
		}
	}
	if orderers > 1 && len(parts) < len(m.Parts) {
		return fmt.Errorf("%d orderers would forget what the rest remembers: restore one, start the stack, then the next; or restore everything (without --only)", orderers)
	}
	return nil
}

// afterRestore says what goes on from here.
func (l *Launcher) afterRestore(m backup.Manifest, parts []backup.Part) {
	has := func(kind string) bool {
		return slices.ContainsFunc(parts, func(p backup.Part) bool { return kindOf(p.Name) == kind })
	}
	if len(parts) == len(m.Parts) {
		fmt.Fprintf(l.Out, "all of it is of one moment. What was received after it is in none of it: `network up`, and trackers' chains show what is missing\n")
		return
	}
	fmt.Fprintf(l.Out, "`network up` starts the stack")
	if has("orderer") || has("peer") {
		fmt.Fprintf(l.Out, "; nodes of the ledger catch up with the others")
	}
	fmt.Fprintln(l.Out)
	for _, o := range l.Stack.Ingests() {
		if slices.ContainsFunc(parts, func(p backup.Part) bool { return p.Name == topology.IngestProcess(o) }) {
			fmt.Fprintf(l.Out, "the journal of %s is older than the ledger if anything was anchored since: its /readyz says so then, and `%s recover --config %s` is the way on\n",
				topology.IngestProcess(o), l.Stack.Program("ingest"), l.Stack.IngestConfig(o))
		}
	}
}

func names(parts []backup.Part) string {
	all := make([]string, 0, len(parts))
	for _, p := range parts {
		all = append(all, p.Name)
	}
	return strings.Join(all, " ")
}
