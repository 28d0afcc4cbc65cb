// Package dashboard serves the page's files where no route answers.
package dashboard

// Pages is an http.Handler.
type Pages struct {
	Org string
	Dir string // of the built files; "" = there are none
}
