package recording

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// decoded makes UTF-8 without a byte order mark of a text, and names the encoding that it had. What is neither UTF-8 nor UTF-16 is the code
// page that Windows programs of the west write: a sign that was meant otherwise makes a header that is not understood, never a wrong value.
func decoded(r io.Reader) (io.Reader, string, error) {
	in := bufio.NewReaderSize(r, sampleSize)
	head, err := in.Peek(sampleSize)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, "", err
	}
	through := func(e encoding.Encoding, name string) (io.Reader, string, error) {
		return e.NewDecoder().Reader(in), name, nil
	}
	switch {
	case len(head) == 0:
		return nil, "", &Fault{Line: 1, Reason: "the file is empty"}
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, err := in.Discard(3)
		return in, "UTF-8", err
	case bytes.HasPrefix(head, []byte("\xff\xfe")), zeros(head, 1):
		return through(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "UTF-16")
	case bytes.HasPrefix(head, []byte("\xfe\xff")), zeros(head, 0):
		return through(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "UTF-16")
	case bytes.IndexByte(head, 0) >= 0:
		return nil, "", &Fault{Line: 1, Reason: "this is no text; export the recording as CSV"}
	case utf8.Valid(whole(head)):
		return in, "UTF-8", nil
	}
	return through(charmap.Windows1252, "Windows-1252")
}

// zeros reports whether nearly every second byte is zero, from one on: the text of a western UTF-16 file.
func zeros(head []byte, from int) bool {
	zero, all := 0, 0
	for i := from; i < min(len(head), 1000); i += 2 {
		all++
		if head[i] == 0 {
			zero++
		}
	}
	return all > 1 && zero*10 >= all*9
}

// whole cuts a sign that the end of the sample has split.
func whole(head []byte) []byte {
	for n := 1; n < min(utf8.UTFMax, len(head)); n++ {
		if c := head[len(head)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(head[len(head)-n:]) {
				return head[:len(head)-n]
			}
			break
		}
	}
	return head
}
