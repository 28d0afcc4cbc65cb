package importer_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/codec/importer"
	"github.com/trackseal/trackseal/internal/profile"
)

// A copy of a public collection, for who has one: TRACKSEAL_CODECS names its folder. Nothing of it is in this repository. The first
// TRACKSEAL_CODECS_N scripts (30) that have examples are imported: each must load, and nearly all examples agree.
func TestCollection(t *testing.T) {
	folder := os.Getenv("TRACKSEAL_CODECS")
	if folder == "" {
		t.Skip("TRACKSEAL_CODECS names no collection")
	}
	most := 30
	if n := os.Getenv("TRACKSEAL_CODECS_N"); n != "" {
		if err := json.Unmarshal([]byte(n), &most); err != nil {
			t.Fatal(err)
		}
	}
	p := codec.New(codec.Config{})
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var devices, proposed, examples, agreed int
	for _, f := range described(t, folder) {
		script, err := os.ReadFile(f.script)
		if err != nil {
			continue
		}
		description, err := os.ReadFile(f.description)
		if err != nil {
			t.Fatal(err)
		}
		list, err := importer.Examples(description)
		if err != nil {
			t.Logf("%s: %v", f.description, err)
			continue
		}
		results, err := importer.Try(ctx, p, f.kind, script, list)
		if err != nil {
			t.Fatal(err)
		}
		devices++
		for _, r := range results {
			examples++
			if r.Agrees {
				agreed++
			} else {
				t.Logf("%s: %s: %s", f.script, r.Name, r.Problem)
			}
		}
		d, err := importer.Propose(importer.Want{ID: "test.device", Carrier: "ttn-v3", Kind: f.kind, Licence: "see its collection"}, script, results)
		if err != nil {
			t.Logf("%s: no proposal: %v", f.script, err)
		} else if raw, err := json.Marshal(d); err != nil {
			t.Error(err)
		} else if _, err := profile.Parse(raw); err != nil {
			t.Logf("%s: the proposal is no profile: %v", f.script, err)
		} else {
			proposed++
		}
		if devices == most {
			break
		}
	}
	t.Logf("%d scripts, %d of %d examples agree, %d profiles proposed", devices, agreed, examples, proposed)
	if devices == 0 || agreed*10 < examples*9 {
		t.Errorf("of %d scripts only %d of %d examples agree", devices, agreed, examples)
	}
}

type device struct{ script, description, kind string }

// described finds scripts with examples: YAML that names its script, or tests in JSON named after it.
func described(t *testing.T, folder string) (list []device) {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		dir, name := filepath.Split(path)
		if of, ok := strings.CutPrefix(name, "test_decode_"); ok && strings.HasSuffix(of, ".json") {
			list = append(list, device{filepath.Join(dir, strings.TrimSuffix(of, ".json")+".js"), path, codec.ChirpStack})
		}
		if strings.HasSuffix(name, ".yaml") {
			var c struct {
				Decoder struct {
					File     string `yaml:"fileName"`
					Examples []any  `yaml:"examples"`
				} `yaml:"uplinkDecoder"`
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if yaml.Unmarshal(raw, &c) == nil && c.Decoder.File != "" && len(c.Decoder.Examples) > 0 {
				list = append(list, device{filepath.Join(dir, c.Decoder.File), path, codec.TTN})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
