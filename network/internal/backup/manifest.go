// Package backup writes the folder of a backup and reads it again. It knows files, their hashes and which of them are keys; what
// they mean is the launcher's.
//
//	DIR/manifest.json   what there is; written last: without it the folder is no backup
//	DIR/data/…          files by their path in the stack
//	DIR/keys/…          those that are secret, or hold a secret: to be stored elsewhere
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Format of the folder. A program reads its own and older ones. Since format 2 the folder of an ingest has its member's name.
const Format = 2

const (
	manifestName = "manifest.json"
	dataDir      = "data"
	keysDir      = "keys"
)

// Manifest says what a backup holds.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"` // of the program that wrote it
	Taken   time.Time `json:"taken"`   // the moment that all parts show
	// Running: the stack ran, and its servers stood still for so long.
	Running      bool  `json:"running"`
	StoodStillMS int64 `json:"stood_still_ms,omitempty"`
	// Heights of the ledger by node, and the size of each ingest instance's heads log on the ledger, right before; unknown of a
	// stack that was down.
	Heights map[string]uint64 `json:"heights,omitempty"`
	Heads   map[string]uint64 `json:"heads,omitempty"`
	Parts   []Part            `json:"parts"`
}

// Part is what is restored together: a process's files, or what all share.
type Part struct {
	Name  string   `json:"name"`
	Roots []string `json:"roots"` // paths in the stack that are all the part's: a restore replaces them
	Files []File   `json:"files"`
}

// File of a part. Path is its place in the stack, with slashes.
type File struct {
	Path   string `json:"path"`
	Key    bool   `json:"key,omitempty"` // below keys, else below data
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Bytes of all files.
func (m Manifest) Bytes() (n int64) {
	for _, p := range m.Parts {
		for _, f := range p.Files {
			n += f.Size
		}
	}
	return n
}

// Names of the parts.
func (m Manifest) Names() []string {
	names := make([]string, 0, len(m.Parts))
	for _, p := range m.Parts {
		names = append(names, p.Name)
	}
	return names
}

// in is the file's place in a backup.
func (f File) in(dir string) string {
	kind := dataDir
	if f.Key {
		kind = keysDir
	}
	return filepath.Join(dir, kind, filepath.FromSlash(f.Path))
}

// Read reads a backup's manifest.
func Read(dir string) (Manifest, error) {
	var m Manifest
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is no complete backup: it has no %s", dir, manifestName)
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s: %w", filepath.Join(dir, manifestName), err)
	}
	if m.Format < 1 || m.Format > Format {
		return m, fmt.Errorf("%s has format %d and this program reads up to %d: use the program that wrote it (%s)", dir, m.Format, Format, m.Version)
	}
	return m, m.check()
}

// check refuses paths that lead elsewhere: a manifest decides where a restore writes.
func (m Manifest) check() error {
	for _, p := range m.Parts {
		for _, r := range p.Roots {
			if !filepath.IsLocal(r) || r == "." {
				return fmt.Errorf("manifest: part %s: %q is no path in a stack", p.Name, r)
			}
		}
		for _, f := range p.Files {
			if !filepath.IsLocal(f.Path) || !slices.ContainsFunc(p.Roots, func(r string) bool { return within(f.Path, r) }) {
				return fmt.Errorf("manifest: part %s: file %q is not below its roots", p.Name, f.Path)
			}
		}
	}
	return nil
}

// within: path is root or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// Pick returns the parts that are named, by their names or by the kind before the dash; all of them for none.
func (m Manifest) Pick(names []string) ([]Part, error) {
	if len(names) == 0 {
		return m.Parts, nil
	}
	wanted := map[string]bool{}
	for _, n := range names {
		found := false
		for _, p := range m.Parts {
			if kind, _, _ := strings.Cut(p.Name, "-"); p.Name == n || kind == n {
				wanted[p.Name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("the backup has no part %s; it has: %s", n, strings.Join(m.Names(), " "))
		}
	}
	var picked []Part
	for _, p := range m.Parts {
		if wanted[p.Name] {
			picked = append(picked, p)
		}
	}
	return picked, nil
}
