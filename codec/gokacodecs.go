package codec

import (
	"fmt"

	"pageheat/heat"
)

// The codecs for goka. A goka processor or view ends for good on a codec's error,
// and each restart meets the same record again. So Decode returns no error: what
// cannot be read is handed over as an [*Undecodable], and the callback decides.

// Undecodable is the value of a record that a codec cannot decode.
type Undecodable struct {
	// Value is the record's value as it is. It aliases the record.
	Value []byte
	// Err is the error of decoding; it wraps [ErrMalformed].
	Err error
}

// Error returns what is wrong with the record.
func (u *Undecodable) Error() string { return u.Err.Error() }

// Unwrap returns Err.
func (u *Undecodable) Unwrap() error { return u.Err }

// Raw passes bytes through, without copying: for callbacks that decode themselves.
type Raw struct{}

// Encode takes []byte, or nil for no value.
func (Raw) Encode(value any) ([]byte, error) {
	switch v := value.(type) {
	case []byte:
		return v, nil
	case nil:
		return nil, nil
	default:
		return nil, wrongType("bytes", value)
	}
}

// Decode returns data as []byte.
func (Raw) Decode(data []byte) (any, error) { return data, nil }

// PageStateCodec is for values of the heat table that are a page's:
// *[heat.Totals].
type PageStateCodec struct{}

// Encode takes *heat.Totals or heat.Totals.
func (PageStateCodec) Encode(value any) ([]byte, error) {
	switch v := value.(type) {
	case *heat.Totals:
		return AppendPageState(nil, v), nil
	case heat.Totals:
		return AppendPageState(nil, &v), nil
	default:
		return nil, wrongType("page state", value)
	}
}

// Decode returns *heat.Totals, or *Undecodable.
func (PageStateCodec) Decode(data []byte) (any, error) {
	t, err := DecodePageState(data)
	if err != nil {
		return &Undecodable{Value: data, Err: err}, nil
	}
	return &t, nil
}

func wrongType(codec string, value any) error {
	return fmt.Errorf("the %s codec cannot encode a %T", codec, value)
}
