package audio

// MulawToLinear expands one byte of G.711 mu-law to 16-bit linear.
func MulawToLinear(b byte) int16 {
	b = ^b
	v := (int(b&0x0F)<<3 + 0x84) << (b >> 4 & 7)
	v -= 0x84
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

// LinearToMulaw compresses one 16-bit sample to G.711 mu-law.
func LinearToMulaw(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, 32635) + 0x84
	exponent := byte(7)
	for mask := 0x4000; exponent > 0 && v&mask == 0; mask >>= 1 {
		exponent--
	}
	mantissa := byte(v>>(exponent+3)) & 0x0F
	return ^(sign | exponent<<4 | mantissa)
}

// AlawToLinear expands one byte of G.711 A-law to 16-bit linear.
func AlawToLinear(b byte) int16 {
	b ^= 0x55
	v := int(b&0x0F)<<4 + 8
	if exponent := b >> 4 & 7; exponent > 0 {
		v = (v + 0x100) << (exponent - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

// LinearToAlaw compresses one 16-bit sample to G.711 A-law.
func LinearToAlaw(s int16) byte {
	v, sign := int(s), byte(0x80)
	if v < 0 {
		v, sign = -v-1, 0
	}
	exponent := byte(7)
	for mask := 0x4000; exponent > 0 && v&mask == 0; mask >>= 1 {
		exponent--
	}
	shift := byte(4)
	if exponent > 1 {
		shift = exponent + 3
	}
	mantissa := byte(v>>shift) & 0x0F
	return (sign | exponent<<4 | mantissa) ^ 0x55
}
