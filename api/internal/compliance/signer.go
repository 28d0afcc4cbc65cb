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
func signer(ctx context.Context) (kind string, by ledger.Signer, err error) {
	p := access.PrincipalOf(ctx)
	if p == nil {
		return "", by, problem.New(http.StatusForbidden, "forbidden", "nobody can sign without an access token")
	}
	by = ledger.Signer{Name: p.Client, Subject: p.Subject, Issuer: p.Issuer, Client: p.Client}
	if p.Person {
		if p.Name == "" {
			return "", by, problem.New(http.StatusForbidden, "forbidden",
				"the access token does not name the person that it was given to, so nobody can sign with it; let the issuer put the name into access tokens")
		}
		by.Name = p.Name
		return ledger.Person, by, nil
	}
	return ledger.Machine, by, nil
}
