package account

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestJournalRefusesGarbage(t *testing.T) {
	good := `{"format":"trackseal/load/1","name":"x","shipments":["s"]}` + "\n"
	line := "A t-1 1 0 " + strings.Repeat("ab", 32) + "\n"
	for name, text := range map[string]string{
		"empty":      "",
		"other file": "hello\n",
		"bad kind":   good + "X" + line[1:],
		"short hash": good + "A t-1 1 0 abcd\n",
		"bad seq":    good + "A t-1 1 -1 " + strings.Repeat("ab", 32) + "\n",
	} {
		if _, _, err := ReadJournal(strings.NewReader(text)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	// A crash while writing leaves a piece of a line.
	_, book, err := ReadJournal(strings.NewReader(good + line + line[:20]))
	if err != nil {
		t.Fatal(err)
	}
	if r := book.Check(false).Report(); r.Acked != 1 {
		t.Errorf("%d acknowledged, want 1", r.Acked)
	}
}

// A journal is followed while it grows, whatever pieces its lines come in.
func TestJournalIsFollowed(t *testing.T) {
	var file bytes.Buffer
	fmt.Fprintln(&file, `{"format":"trackseal/load/1","name":"x","shipments":["s"]}`)
	f, err := Follow(&file)
	if err != nil {
		t.Fatal(err)
	}
	hash := telemetry.Hash{7}
	sent := fmt.Sprintf("S t-1 1 5 %x\n", hash)
	want := Message{Tracker: "t-1", Position: telemetry.Position{Boot: 1, Seq: 5}, Hash: hash}
	file.WriteString(sent[:10])
	if err := f.Read(); err != nil || len(f.Book.messages) != 0 {
		t.Fatalf("after half a line: %d messages, %v; want none", len(f.Book.messages), err)
	}
	file.WriteString(sent[10:])
	if err := f.Read(); err != nil {
		t.Fatal(err)
	}
	for m := range f.Book.Messages() {
		if m != want {
			t.Errorf("got %+v, want %+v", m, want)
		}
	}
	file.WriteString("A" + sent[1:])
	if err := f.Read(); err != nil {
		t.Fatal(err)
	}
	want.Acked = true
	for m := range f.Book.Messages() {
		if m != want {
			t.Errorf("got %+v, want %+v", m, want)
		}
	}
	if len(f.Book.messages) != 1 {
		t.Errorf("%d messages, want 1", len(f.Book.messages))
	}
}
