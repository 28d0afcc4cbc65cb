package profiles

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/zones"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
)

type publishInput struct {
	rest.Idempotent
	RawBody []byte `contentType:"application/json"`
}

type publishOutput struct {
	Status int
	Body   Profile
}

func (s *Resource) publish(ctx context.Context, in *publishInput) (*publishOutput, error) {
	p, err := s.read("body", in.RawBody)
	if err != nil {
		return nil, err
	}
	v, there, err := s.put(ctx, p)
	if err != nil {
		return nil, err
	}
	out := &publishOutput{Status: http.StatusCreated, Body: v}
	if there && !rest.WriteOf(ctx).Again {
		out.Status = http.StatusOK
	}
	return out, nil
}

// put publishes a profile; there is true when this very document was published before.
func (s *Resource) put(ctx context.Context, p *profile.Profile) (v Profile, there bool, err error) {
	r, _, err := ledger.ProfilePublish.Do(ctx, s.Ledger, ledger.PublishProfileArgs{Document: p.Canonical()})
	if ledger.CodeOf(err) == ledger.Exists {
		_, v, err = s.Book.Find(ctx, p.Ref())
		return v, true, err
	}
	if err != nil {
		return v, false, err
	}
	return s.Book.published(show(p), r), false, nil
}

// read reads a document that is to be published or tried: its id is the organisation's own, and its zone gets its offsets.
func (s *Resource) read(where string, raw []byte) (*profile.Profile, error) {
	full, err := profile.Complete(raw, func(zone string) ([]profile.Offset, error) {
		offsets, err := zones.Offsets(zone, s.Now())
		all := make([]profile.Offset, len(offsets))
		for i, o := range offsets {
			all[i] = profile.Offset(o)
		}
		return all, err
	})
	if err != nil {
		return nil, badProfile(where, err)
	}
	var d profile.Document
	if err := canon.UnmarshalJSON(full, &d); err != nil {
		return nil, badProfile(where, err)
	}
	if d.ID != "" {
		d.ID = s.OwnID(d.ID)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	p, err := profile.Parse(b.Bytes())
	if err != nil {
		return nil, badProfile(where, err)
	}
	return p, nil
}

// badProfile lists all that is wrong with a profile. Each part of Parse's error begins with its place.
func badProfile(where string, err error) *problem.Problem {
	p := problem.New(http.StatusUnprocessableEntity, problem.InvalidRequest, "the profile is not valid; see errors")
	for text := range strings.SplitSeq(strings.TrimPrefix(err.Error(), "profile: "), "; ") {
		at, what, ok := strings.Cut(text, " ")
		if !ok || !isPlace(strings.TrimSuffix(at, ":")) {
			at, what = "", text
		}
		field := where
		if at = strings.TrimSuffix(at, ":"); at != "" {
			field += "." + at
		}
		p.Errors = append(p.Errors, problem.Field{Field: field, Detail: what})
	}
	return p
}

// isPlace tells a path such as readings[2].from from a word.
func isPlace(s string) bool {
	root, _, _ := strings.Cut(s, ".")
	root, _, _ = strings.Cut(root, "[")
	switch root {
	case "id", "version", "title", "about", "source", "licence", "topics", "skip_topics", "when", "skip", "devices", "format", "each", "time", "step", "sequence", "message_id", "readings", "sensors", "codec":
		return true
	}
	return false
}
