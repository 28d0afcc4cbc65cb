package detect

import "errors"

// Problems joins what is wrong with a configuration to one flat list: joined errors are taken apart, nil ones left out.
func Problems(errs ...error) error {
	var flat []error
	for _, err := range errs {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			err = Problems(joined.Unwrap()...)
			if joined, ok = err.(interface{ Unwrap() []error }); ok {
				flat = append(flat, joined.Unwrap()...)
			}
			continue
		}
		if err != nil {
			flat = append(flat, err)
		}
	}
	return errors.Join(flat...)
}
