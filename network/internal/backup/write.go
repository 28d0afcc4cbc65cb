package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Target is a backup that is being written.
type Target struct {
	dir  string
	made bool // the folder itself is ours
}

// Create begins a backup in a folder that is not there or empty.
func Create(dir string) (*Target, error) {
	t := &Target{dir: dir}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.made = true
	case err != nil:
		return nil, err
	case len(entries) > 0:
		return nil, fmt.Errorf("%s is not empty: a backup needs a folder of its own", dir)
	}
	for _, d := range []string{dir, filepath.Join(dir, dataDir), filepath.Join(dir, keysDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, errors.Join(err, t.Abandon())
		}
	}
	return t, os.Chmod(dir, 0o700)
}

// Abandon removes what was written.
func (t *Target) Abandon() error {
	if t.made {
		return os.RemoveAll(t.dir)
	}
	return errors.Join(os.RemoveAll(filepath.Join(t.dir, dataDir)), os.RemoveAll(filepath.Join(t.dir, keysDir)))
}

// Finish copies the staged files and writes the manifest, whose parts it fills from the sources: when it is there, all else is
// there and on disk.
func (t *Target) Finish(ctx context.Context, m Manifest, sources []Source, staged []Staged) (Manifest, error) {
	m.Format, m.Parts = Format, nil
	at := map[string]int{}
	for _, s := range sources {
		at[s.Name] = len(m.Parts)
		m.Parts = append(m.Parts, Part{Name: s.Name, Roots: s.Roots, Files: []File{}})
	}
	folders := map[string]bool{}
	for _, s := range staged {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		f := s.File
		var err error
		if f.SHA256, err = copyFile(s.at, f.in(t.dir), f.Size); err != nil {
			return m, err
		}
		for d := filepath.Dir(f.in(t.dir)); len(d) >= len(t.dir); d = filepath.Dir(d) {
			folders[d] = true
		}
		p := &m.Parts[at[s.Part]]
		p.Files = append(p.Files, f)
	}
	for d := range folders {
		if err := sync(d); err != nil {
			return m, err
		}
	}
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return m, err
	}
	draft := filepath.Join(t.dir, "."+manifestName)
	err = os.WriteFile(draft, append(data, '\n'), 0o600)
	return m, errors.Join(err, sync(draft), os.Rename(draft, filepath.Join(t.dir, manifestName)), sync(t.dir))
}

// sync a file or folder.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// copyFile copies the first size bytes of a file, syncs them, and returns their hash.
func copyFile(from, to string, size int64) (hash string, err error) {
	src, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600|info.Mode()&0o100)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if err := errors.Join(pour(dst, src, size, h), dst.Sync(), dst.Close()); err != nil {
		return "", fmt.Errorf("%s: %w", to, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Verify reads all files of the parts and names those that differ from the manifest.
func Verify(ctx context.Context, dir string, parts []Part) error {
	var bad []error
	for _, p := range parts {
		for _, f := range p.Files {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f.verify(dir); err != nil {
				bad = append(bad, fmt.Errorf("part %s: %s %w", p.Name, f.in(dir), err))
			}
		}
	}
	if more := len(bad) - 5; more > 0 {
		bad = append(slices.Clone(bad[:5]), fmt.Errorf("and %d more", more))
	}
	return errors.Join(bad...)
}

var (
	errMissing = errors.New("is missing")
	errDiffers = errors.New("is not what was backed up")
)

func (f File) verify(dir string) error {
	src, err := os.Open(f.in(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return errMissing
	}
	if err != nil {
		return err
	}
	defer src.Close()
	h := sha256.New()
	n, err := io.Copy(h, src)
	if err != nil {
		return err
	}
	if n != f.Size || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return errDiffers
	}
	return nil
}

// Put copies a part's files to their places below folder to, and checks what it copies.
func Put(ctx context.Context, dir string, p Part, to string) error {
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		hash, err := copyFile(f.in(dir), filepath.Join(to, filepath.FromSlash(f.Path)), f.Size)
		if err != nil {
			return err
		}
		if hash != f.SHA256 {
			return fmt.Errorf("part %s: %s %w", p.Name, f.in(dir), errDiffers)
		}
	}
	return nil
}
