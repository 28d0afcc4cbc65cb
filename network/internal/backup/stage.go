package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Source is what a part takes out of a stack. All paths are below the stack's folder, with slashes.
type Source struct {
	Name  string
	Roots []string          // files or folders; one that is not there is left out
	Keys  []string          // of what lies below the roots, what is secret
	From  map[string]string // where a root is read instead: a copy that its process made
	Skip  []string          // of what lies below the roots, what is not taken
}

// Staged is a file that stands still, ready to be copied while the programs go on.
type Staged struct {
	Part string
	File        // without its hash
	at   string // holds at least Size bytes, which do not change any more
}

// Lock files hold nothing.
func skipped(name string) bool { return name == "LOCK" }

// grows tells of a file that, once written, is never changed but at its end, or not at all: sorted tables of Pebble (.sst), LevelDB
// (.ldb) and InfluxDB (.tsm), and the ledger's block files. Their bytes up to today's size are today's for ever.
func grows(name string) bool {
	return strings.HasPrefix(name, "blockfile_") || slices.Contains([]string{".sst", ".ldb", ".tsm"}, filepath.Ext(name))
}

// Stage makes what the sources name stand still in folder to, on the stack's own file system: it links files that keep their
// bytes and copies the others. Nobody may write below the roots meanwhile; that is why it has to be quick.
func Stage(stack, to string, sources []Source) (staged []Staged, err error) {
	for _, s := range sources {
		for _, root := range s.Roots {
			from := root
			if other, ok := s.From[root]; ok {
				from = other
			}
			top := filepath.Join(stack, filepath.FromSlash(from))
			err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || skipped(d.Name()) {
					return err
				}
				below, err := filepath.Rel(top, path)
				if err != nil {
					return err
				}
				f := Staged{Part: s.Name, at: path}
				f.Path = filepath.ToSlash(filepath.Join(root, below))
				if slices.ContainsFunc(s.Skip, func(r string) bool { return within(f.Path, r) }) {
					return nil
				}
				f.Key = slices.ContainsFunc(s.Keys, func(r string) bool { return within(f.Path, r) })
				if !d.Type().IsRegular() {
					return fmt.Errorf("%s is no plain file", path)
				}
				f.at = filepath.Join(to, filepath.FromSlash(f.Path))
				if f.Size, err = still(path, f.at); err != nil {
					return err
				}
				staged = append(staged, f)
				return nil
			})
			if err != nil && !(errors.Is(err, fs.ErrNotExist) && !exists(top)) {
				return nil, err
			}
		}
	}
	return staged, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// still links or copies one file and returns its size.
func still(path, to string) (int64, error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if grows(filepath.Base(path)) {
		err := os.Link(path, to)
		if err == nil || !cannotLink(err) {
			return info.Size(), err
		}
	}
	from, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	return info.Size(), write(to, from, info)
}

// cannotLink: this file system has no links.
func cannotLink(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EMLINK)
}

// write makes a file that only its owner can read, with as many bytes as info says.
func write(to string, from io.Reader, info fs.FileInfo) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600|info.Mode()&0o100)
	if err != nil {
		return err
	}
	return errors.Join(pour(f, from, info.Size(), io.Discard), f.Close())
}

var zeros [64 << 10]byte

// pour writes size bytes to a new file, and to also. Room that was only reserved, which InfluxDB does by megabytes, takes none here.
func pour(to *os.File, from io.Reader, size int64, also io.Writer) error {
	block := make([]byte, len(zeros))
	for left := size; left > 0; left -= int64(len(block)) {
		block = block[:min(left, int64(len(block)))]
		if _, err := io.ReadFull(from, block); err != nil {
			return err
		}
		if _, err := also.Write(block); err != nil {
			return err
		}
		var err error
		if bytes.Equal(block, zeros[:len(block)]) {
			_, err = to.Seek(int64(len(block)), io.SeekCurrent)
		} else {
			_, err = to.Write(block)
		}
		if err != nil {
			return err
		}
	}
	return to.Truncate(size)
}
