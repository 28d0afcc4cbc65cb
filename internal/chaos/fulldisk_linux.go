package chaos

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/internal/service"
)

// room is what a small disk has beside the data: ingest stops by itself below 256 MiB of free space.
const room = 320 << 20

func init() {
	verbs["fill"] = func(ctx context.Context, r *Run, f Fault, on []string) error {
		if os.Geteuid() != 0 {
			return fmt.Errorf("%w: a disk that may be filled is mounted by root alone", errNotHere)
		}
		for _, name := range on {
			if err := r.fill(ctx, name, f.For); err != nil {
				return err
			}
		}
		return nil
	}
}

// data is where a process keeps what must not be lost.
func (s *Stack) data(process string) string {
	return filepath.Join(s.Dir, process, "data")
}

// fill moves a process's data to a small disk, fills it, and frees it again after a while. The data goes back when the row is over.
func (r *Run) fill(ctx context.Context, name string, length time.Duration) error {
	s := r.stack
	data := s.data(name)
	if !r.small[name] {
		if err := s.exchange(ctx, name, func() error { return ontoSmallDisk(data) }); err != nil {
			return err
		}
		r.small[name] = true
		r.undo = append(r.undo, func(ctx context.Context) error {
			delete(r.small, name)
			return s.exchange(ctx, name, func() error { return offSmallDisk(data) })
		})
		if err := s.Whole(ctx, 2*time.Minute); err != nil {
			return err
		}
	}
	ballast := filepath.Join(data, "ballast")
	if err := useUp(ballast); err != nil {
		return err
	}
	end := time.Now().Add(length)
	var unready error
	if strings.HasPrefix(name, "ingest-") {
		unready = until(ctx, length, "ingest says that it is not ready", func() error { return s.unready(ctx) })
	}
	service.Pause(ctx, time.Until(end))
	return errors.Join(unready, os.Remove(ballast), ctx.Err())
}

// unready fails while ingest calls itself ready.
func (s *Stack) unready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.file.Ingest[0].URL+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		return fmt.Errorf("/readyz answers %s on a full disk", resp.Status)
	}
	return nil
}

// exchange kills a process and does something to its data before the supervisor starts it again.
func (s *Stack) exchange(ctx context.Context, name string, do func() error) error {
	for _, watcher := range []string{"guard", "supervisor"} { // each would start the other
		if pid, err := s.pid(watcher); err == nil {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err == nil {
				defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
			}
		}
	}
	pid, err := s.signal(ctx, name, syscall.SIGKILL)
	if err != nil {
		return err
	}
	if err := until(ctx, 10*time.Second, name+" has ended", func() error {
		// Whoever is its parent may not have taken note of it yet.
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(stat), ") Z ") {
			return fmt.Errorf("pid %d runs", pid)
		}
		return nil
	}); err != nil {
		return err
	}
	return do()
}

func ontoSmallDisk(data string) error {
	size := int64(room)
	if err := filepath.WalkDir(data, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				size += 2 * info.Size()
			}
		}
		return err
	}); err != nil {
		return err
	}
	if err := os.Rename(data, data+".real"); err != nil {
		return err
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
		return errors.Join(fmt.Errorf("%w: mounting a tmpfs: %w", errNotHere, err), os.Remove(data), os.Rename(data+".real", data))
	}
	return os.CopyFS(data, os.DirFS(data+".real"))
}

// offSmallDisk brings back what was written there. Until the last step the data is in one whole place.
func offSmallDisk(data string) error {
	_ = os.Remove(filepath.Join(data, "ballast")) // it is there when the fault was cut short
	if err := os.CopyFS(data+".new", os.DirFS(data)); err != nil {
		return err
	}
	if err := syscall.Unmount(data, syscall.MNT_DETACH); err != nil {
		return err
	}
	return errors.Join(os.Remove(data), os.Rename(data+".new", data), os.RemoveAll(data+".real"))
}

// useUp writes a file until nothing more fits.
func useUp(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4096, 1} {
		for piece := make([]byte, size); err == nil; {
			_, err = f.Write(piece)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		err = nil
	}
	return nil
}
