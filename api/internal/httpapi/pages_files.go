package httpapi

import (
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// pageCSP lets the dashboard load what it brings and talk to this api, nothing else. 'wasm-unsafe-eval' allows WebAssembly
// (and no eval of scripts): the evidence verifier, which runs in a worker.
const pageCSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// hashed is the folder whose file names change with their content.
const hashed = "assets/"

// packed are the encodings in which the dashboard's build leaves its large files, the smallest first.
var packed = []struct{ coding, ending string }{{"br", ".br"}, {"gzip", ".gz"}}

// dashboard answers from dashboard_dir; paths below app/ are the page's own and answer index.html.
func (s *Server) dashboard(c *gin.Context, name string) bool {
	if s.DashboardDir == "" {
		return false
	}
	// A root never leaves its folder, whatever links are in it.
	root, err := os.OpenRoot(s.DashboardDir)
	if err != nil {
		return false
	}
	defer root.Close()
	files := root.FS()
	if name == "" || name == "app" || strings.HasPrefix(name, "app/") {
		name = "index.html"
	}
	// Hidden files and folders are not served; a folder has no listing.
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || !regular(files, name) {
		return false
	}
	c.Header("Content-Security-Policy", pageCSP)
	c.Header("Cache-Control", "no-cache")
	if strings.HasPrefix(name, hashed) {
		c.Header("Cache-Control", "public, max-age=31536000, immutable")
	}
	c.Header("Vary", "Accept-Encoding")
	for _, p := range packed {
		if accepts(c.GetHeader("Accept-Encoding"), p.coding) && regular(files, name+p.ending) {
			c.Header("Content-Encoding", p.coding)
			c.Header("Content-Type", mime.TypeByExtension(path.Ext(name)))
			name += p.ending
			break
		}
	}
	http.ServeFileFS(c.Writer, c.Request, files, name)
	return true
}

func regular(files fs.FS, name string) bool {
	info, err := fs.Stat(files, name)
	return err == nil && info.Mode().IsRegular()
}

// accepts reads Accept-Encoding (RFC 9110 12.5.3): a coding that is named and not refused with q=0. What "*" would allow is
// left alone: the plain file is always right.
func accepts(header, coding string) bool {
	for member := range strings.SplitSeq(header, ",") {
		name, parameter, _ := strings.Cut(member, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		key, value, found := strings.Cut(strings.TrimSpace(parameter), "=")
		if !found || !strings.EqualFold(strings.TrimSpace(key), "q") {
			return true
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return err == nil && q > 0
	}
	return false
}
