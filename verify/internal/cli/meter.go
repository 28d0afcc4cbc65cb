package cli

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
)

// meter shows progress on a terminal, and nothing elsewhere.
func meter(w io.Writer, quiet bool) (func(done, total uint64), func()) {
	f, ok := w.(*os.File)
	if quiet || !ok {
		return nil, func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil, func() {}
	}
	var bar *progressbar.ProgressBar
	return func(done, total uint64) {
			if bar == nil {
				bar = progressbar.NewOptions64(int64(total), progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("messages"),
					progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
			}
			_ = bar.Set64(int64(done)) // a broken terminal does not stop a verification
		}, func() {
			if bar != nil {
				_ = bar.Finish()
			}
		}
}
