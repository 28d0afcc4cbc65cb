package importer_test

import (
	"os"
	"testing"

	"github.com/trackseal/trackseal/internal/codec"
)

func TestMain(m *testing.M) {
	codec.ChildMain()
	os.Exit(m.Run())
}
