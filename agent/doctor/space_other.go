//go:build !unix

package doctor

// freeSpace is not known here.
func freeSpace(string) (uint64, bool) { return 0, false }

func kind(err error) error { return err }
