package rest

// Answer has a JSON body and nothing else to say.
type Answer[T any] struct {
	Body T
}

// File is an answer that is no JSON of ours.
type File struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// List is one page of a listing.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Give this as cursor to get the next page; absent on the last"`
}

// Paging is the query of every listing.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items of a page"`
	Cursor string `query:"cursor" maxLength:"2048" doc:"next of the page before"`
}

// Idempotent is the header of every write.
type Idempotent struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Chosen by the client, up to 255 visible ASCII characters: repeating a request with the same key has one effect, for 24 hours"`
}

// TypeCSV is the media type of what people upload and download.
const TypeCSV = "text/csv"
