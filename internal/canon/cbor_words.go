package canon

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// inWords says what is wrong with CBOR in the words of its format: the text reaches whoever made the bytes, who knows neither the
// library nor the types that it decodes into.
func inWords(err error) error {
	if e, ok := errors.AsType[*cbor.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s, where it must be something else or of another size", e.CBORType)
	}
	if _, ok := errors.AsType[*cbor.UnknownFieldError](err); ok {
		return errors.New("a map has a label that is not known")
	}
	if e, ok := errors.AsType[*cbor.DupMapKeyError](err); ok {
		return fmt.Errorf("a map has the label %v twice", e.Key)
	}
	if _, ok := errors.AsType[*cbor.TagsMdError](err); ok {
		return errors.New("a CBOR tag, and none is allowed")
	}
	if _, ok := errors.AsType[*cbor.ExtraneousDataError](err); ok {
		return errors.New("more bytes follow after its end")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("its bytes end too early")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "cbor: "))
}
