package recover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/stored"
)

// swap puts the new journal in the old one's place.
func (r *run) swap() error {
	if _, err := os.Stat(r.dir); err == nil {
		r.a.Old = filepath.Join(r.Dir, "journal."+r.Now().UTC().Format("20060102T150405.000Z")+".old")
		if err := os.Rename(r.dir, r.a.Old); err != nil {
			return err
		}
	}
	if err := errors.Join(syncDir(r.Dir), r.step("old moved")); err != nil {
		return err
	}
	return r.place()
}

// place moves a whole new journal to where none is. Half a one is left to be made anew.
func (r *run) place() error {
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(r.fresh); err != nil {
		return nil
	}
	db, err := journal.Open(r.fresh, r.Journal)
	if err != nil {
		return nil // half of one
	}
	left, err := db.Unfinished()
	if err := errors.Join(err, db.Close()); err != nil || left == nil {
		return err
	}
	if err := os.Rename(r.fresh, r.dir); err != nil {
		return err
	}
	return errors.Join(syncDir(r.Dir), r.step("new moved"))
}

// finish deletes the points that the journal says are replaced, and then says that nothing is left.
func (r *run) finish(ctx context.Context) (err error) {
	if _, err := os.Stat(r.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	db, err := journal.Open(r.dir, r.Journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if r.a.Life, err = db.Life(); err != nil {
		return err
	}
	left, err := db.Unfinished()
	if err != nil || left == nil {
		return err
	}
	var points []stored.Place
	if err := json.Unmarshal(left, &points); err != nil {
		return fmt.Errorf("what is left to delete: %w", err)
	}
	if err := r.Store.Delete(ctx, points); err != nil {
		return fmt.Errorf("points that are replaced could not all be deleted; run this again: %w", err)
	}
	r.a.Deleted = len(points)
	if err := r.step("deleted"); err != nil {
		return err
	}
	b := db.Begin()
	b.SetUnfinished(nil)
	return b.Commit("recovered")
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
