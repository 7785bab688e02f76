package linux

import "unsafe"

// SliceBytes returns the memory of v's elements, as Bytes does of one.
func SliceBytes[T any](v []T) []byte {
	// The slice covers exactly v's elements, which it keeps alive.
	var e T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), uintptr(len(v))*unsafe.Sizeof(e))
}
