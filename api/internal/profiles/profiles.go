// Package profiles answers the routes of profiles: how trackers' messages are read.
package profiles

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Book    *Book
	Codecs  *codec.Pool
	Cursors rest.Cursors
	Heavy   *rest.Queue
	Now     func() time.Time
}

const (
	tag        = "Profiles"
	path       = "/v1/profiles"
	tryPath    = path + "/try"
	importPath = path + "/import"

	// Bytes of requests that carry a whole profile, and a script with its examples.
	maxBody   = 1 << 20
	maxImport = 2 << 20
)

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	document := &huma.Schema{Type: huma.TypeObject, Description: "A profile; docs/profiles.md describes its members"}
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: path, ID: "list-profiles", Tag: tag, Scope: access.TrackersRead,
		Summary: "List the profiles that a tracker can have", About: "The ready ones first, then those that were published. Without their documents.", Errors: []int{http.StatusBadRequest}}, s.list)
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: path, ID: "publish-profile", Tag: tag, Scope: access.TrackersWrite, Status: http.StatusCreated, Write: true, Own: true, Body: maxBody,
		Summary: "Publish a version of a profile on the ledger",
		About: "Versions count from 1 and never change. The id begins with the organisation's name and a dot; one without a dot gets them. A zone by its name alone gets its offsets. " +
			"Publishing the same document again answers 200 with the version that is there. What is wrong with a profile is listed in `errors`, each with its place."}, s.publish)
	api.DescribeBody(path, "application/json", document, exampleProfile)
	answers := api.OpenAPI().Paths[path].Post.Responses
	known := *answers["201"]
	known.Description = "This document is published already"
	answers["200"] = &known
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: path + "/{ref}", ID: "get-profile", Tag: tag, Scope: access.TrackersRead,
		Summary: "Get a profile with its document", Errors: []int{http.StatusNotFound, http.StatusConflict}}, s.get)
	s.tryRoute(api, document)
	s.importRoute(api)
}

// Profile is a profile as listings show it.
type Profile struct {
	Ref          string                  `json:"ref" doc:"id@version: what a tracker names"`
	Hash         string                  `json:"hash" doc:"SHA-256 of the document's canonical JSON: what a tracker pins"`
	Title        string                  `json:"title"`
	About        string                  `json:"about,omitempty"`
	Source       string                  `json:"source,omitempty" doc:"Where the maker documents the messages"`
	Licence      string                  `json:"licence,omitempty" doc:"Of the document"`
	Gateway      bool                    `json:"gateway" doc:"true: it is for gateways, whose messages speak of devices"`
	Codec        bool                    `json:"codec" doc:"true: a script decodes the messages first"`
	CodecLicence string                  `json:"codec_licence,omitempty" doc:"Of the script"`
	CodecOrigin  string                  `json:"codec_origin,omitempty" doc:"Where the script is from"`
	Builtin      bool                    `json:"builtin" doc:"Comes with the programs; else it is in the ledger's registry"`
	Publisher    rest.Null[string]       `json:"publisher" doc:"Organisation that published it"`
	PublishedAt  rest.Null[rest.Instant] `json:"published_at"`
	Tx           rest.Null[string]       `json:"tx" doc:"Transaction that published it"`
}

// WholeProfile is a profile with its document.
type WholeProfile struct {
	Profile
	Document json.RawMessage `json:"document" doc:"Canonical JSON"`
}

// show tells of a profile what its document says.
func show(p *profile.Profile) Profile {
	d, h := p.Document(), p.Hash()
	v := Profile{Ref: p.Ref(), Hash: hex.EncodeToString(h[:]), Title: d.Title, About: d.About, Source: d.Source, Licence: d.Licence, Gateway: d.Devices != nil}
	if c := d.Codec; c != nil {
		v.Codec, v.CodecLicence, v.CodecOrigin = true, c.Licence, c.Origin
	}
	return v
}

type refPath struct {
	Ref string `path:"ref" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}@[1-9][0-9]{0,8}$" doc:"id@version" example:"ttn-v3@1"`
}

func (s *Resource) get(ctx context.Context, in *refPath) (*rest.Answer[WholeProfile], error) {
	p, v, err := s.Book.Find(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	return rest.Reply(WholeProfile{Profile: v, Document: p.Canonical()}, nil)
}

// place is where a page ended: how many ready ones were given, then the ledger's bookmark.
type place struct {
	N int    `json:"n"`
	B string `json:"b"`
}

func (s *Resource) list(ctx context.Context, in *rest.Paging) (*rest.Answer[rest.List[Profile]], error) {
	const route = "profiles"
	var at place
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	out := rest.List[Profile]{Items: []Profile{}}
	ready := profile.Ready()
	for ; at.N < len(ready) && len(out.Items) < in.Limit; at.N++ {
		v := show(ready[at.N])
		v.Builtin = true
		out.Items = append(out.Items, v)
	}
	more := true // when the page is full of ready ones, the next one tells whether any is published
	if room := in.Limit - len(out.Items); room > 0 {
		page, err := ledger.ProfileList.Page(ctx, s.Ledger, ledger.ListArgs{Limit: room, Bookmark: at.B})
		if err != nil {
			return nil, err
		}
		published := make([]Profile, len(page.Items))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(records.Parallel)
		for i, r := range page.Items {
			g.Go(func() (err error) {
				_, published[i], err = s.Book.Find(ctx, refOf(r))
				if ledger.CodeOf(err) == ledger.Conflict { // of a newer version: it is there, but cannot be shown whole
					published[i], err = s.Book.published(Profile{Ref: refOf(r), Hash: r.Hash}, r), nil
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		out.Items = append(out.Items, published...)
		at.B, more = page.Bookmark, page.Bookmark != ""
	}
	if more {
		out.Next = s.Cursors.Seal(route, at)
	}
	return &rest.Answer[rest.List[Profile]]{Body: out}, nil
}

// unavailable is the answer where codecs cannot run.
func unavailable(err error) error {
	if errors.Is(err, codec.ErrUnavailable) {
		return problem.New(http.StatusServiceUnavailable, problem.CodecsDown, "%v", err)
	}
	return err
}

var exampleProfile = rest.Object{"id": "our-probe", "version": 1, "title": "Our probe", "time": rest.Object{"from": "$.ts", "as": "ms"},
	"readings": []any{rest.Object{"quantity": "temperature", "from": "$.temp", "unit": "°C", "errors": []any{"327.67"}}, rest.Object{"quantity": "humidity", "from": "$.hum"}}}
