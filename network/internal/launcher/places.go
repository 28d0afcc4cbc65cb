package launcher

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// cacheVariable names a folder for built servers outside of the stack, so that many stacks build them once.
const cacheVariable = "TRACKSEAL_SERVER_CACHE"

// compile, as --servers, ends the use of installed servers.
const compile = "build"

// places says where the servers come from. It is remembered in the stack's settings: a later `up` without the flag or the variable takes
// the same servers, since others would restart every node of the ledger.
type places struct {
	ServerCache string `json:"server_cache,omitempty"` // folder of built servers; "" = in the stack
	Servers     string `json:"servers,omitempty"`      // folders of installed ones, as in PATH; "" = all are built
}

// choose follows this start's wishes.
func (p places) choose(cache, servers string) (places, error) {
	var err error
	if cache != "" {
		if p.ServerCache, err = filepath.Abs(cache); err != nil {
			return p, err
		}
	}
	if servers == compile {
		p.Servers = ""
	} else if servers != "" {
		var all []string
		for _, dir := range filepath.SplitList(servers) {
			if dir, err = filepath.Abs(dir); err != nil {
				return p, err
			}
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return p, misuse("--servers %s: there is no such folder", dir)
			}
			all = append(all, dir)
		}
		p.Servers = strings.Join(all, string(filepath.ListSeparator))
	}
	return p, nil
}

// remember decides where the servers come from and writes it down when it changed.
func (l *Launcher) remember(s settings, opt UpOptions) error {
	now, err := s.places.choose(os.Getenv(cacheVariable), opt.Servers)
	if err != nil {
		return err
	}
	l.places = now
	_, missing := os.Stat(l.Stack.Settings())
	if now == s.places && !s.old && !errors.Is(missing, os.ErrNotExist) {
		return nil
	}
	s.places = now
	return l.writeJSON(l.Stack.Settings(), s)
}
