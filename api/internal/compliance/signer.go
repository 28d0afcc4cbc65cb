package compliance

import (
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/ledger"
)

const whoSigns = "The signer is who the access token was given to: a person with the name that the issuer vouches for, or a machine with its client id. " +
	"A body that names a signer is refused."

// signer is who signs by the request's access token; nothing in the body can say it.
func signer(ctx context.Context) (ledger.Signer, error) {
	p := access.PrincipalOf(ctx)
	if p == nil {
		return ledger.Signer{}, problem.New(http.StatusForbidden, "forbidden", "nobody can sign without an access token")
	}
	by := ledger.Signer{Kind: ledger.Machine, Name: p.Client, Subject: p.Subject, Issuer: p.Issuer, Client: p.Client}
	if p.Person {
		if p.Name == "" {
			return by, problem.New(http.StatusForbidden, "forbidden",
				"the access token does not name the person that it was given to, so nobody can sign with it; let the issuer put the name into access tokens")
		}
		by.Kind, by.Name = ledger.Person, p.Name
	}
	return by, nil
}
