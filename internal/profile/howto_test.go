package profile_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/trackseal/trackseal/internal/profile"
)

// Ensure that the profiles which the pages for users name are ready in this version.
func TestPagesNameReadyProfiles(t *testing.T) {
	named := regexp.MustCompile(`\b[a-z][a-z0-9-]*@[0-9]+`)
	for _, page := range []string{"../../docs/howto/attach.md", "../../docs/operate/bridges.md"} {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		refs := named.FindAllString(string(raw), -1)
		if len(refs) == 0 {
			t.Errorf("%s names no profile", page)
		}
		for _, ref := range refs {
			if _, ok := profile.Find(ref); !ok {
				t.Errorf("%s names %s, which is not ready", page, ref)
			}
		}
	}
}
