package jitter

// window remembers which of the last 256 sequence numbers have come.
type window struct {
	top  int64
	bits [4]uint64
}

const windowSize = 256

func (w *window) reset(top int64) {
	w.top = top
	w.bits = [4]uint64{}
}

func (w *window) bit(ext int64) (*uint64, uint64) {
	i := uint64(ext) % windowSize
	return &w.bits[i/64], 1 << (i % 64)
}

// mark notes ext and says whether it was there before.
func (w *window) mark(ext int64) bool {
	if ext > w.top {
		if ext-w.top >= windowSize {
			w.bits = [4]uint64{}
		} else {
			for e := w.top + 1; e < ext; e++ {
				word, mask := w.bit(e)
				*word &^= mask
			}
		}
		w.top = ext
		word, mask := w.bit(ext)
		*word |= mask
		return false
	}
	if w.top-ext >= windowSize {
		return false
	}
	word, mask := w.bit(ext)
	was := *word&mask != 0
	*word |= mask
	return was
}

// has says whether ext has come.
func (w *window) has(ext int64) bool {
	if ext > w.top || w.top-ext >= windowSize {
		return false
	}
	word, mask := w.bit(ext)
	return *word&mask != 0
}
