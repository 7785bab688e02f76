package linux

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Bytes returns the memory of v, for copying it to or from guest memory. T must
// satisfy CheckLayout: then every bit pattern is valid and no byte is padding.
func Bytes[T any](v *T) []byte {
	// The slice covers exactly *v, which it keeps alive.
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// CheckLayout reports why values of type t cannot be copied byte for byte to
// and from a guest. Tests call it for every ABI struct.
func CheckLayout(t reflect.Type) error {
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return nil
	case reflect.Array:
		return CheckLayout(t.Elem())
	case reflect.Struct:
		var end uintptr
		for f := range t.Fields() {
			if f.Offset != end {
				return fmt.Errorf("%v: %d bytes of padding before %s", t, f.Offset-end, f.Name)
			}
			if err := CheckLayout(f.Type); err != nil {
				return err
			}
			end += f.Type.Size()
		}
		if end != t.Size() {
			return fmt.Errorf("%v: %d bytes of padding at the end", t, t.Size()-end)
		}
		return nil
	}
	return fmt.Errorf("%v: %v has no fixed layout", t, t.Kind())
}
