package codec

// The tables of ITU-T G.722 (11/88 and later), under the names of its text. Where
// the text counts from 1, the first entry here is a filler.
var (
	// qmfTaps are the 24 coefficients of the quadrature mirror filters (table 11),
	// times 8192; the second half is the first one mirrored.
	qmfTaps = [24]int32{3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876,
		3876, 951, -805, -210, 362, 32, -156, 12, 53, -11, -11, 3}

	// q6 are the decision levels of the lower band's 60-level quantiser (table 14),
	// times 8.
	q6 = [30]int32{0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
		1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919}

	// il4 is the place of a 4-bit code in wl (RL4 of table 17).
	il4 = [16]uint8{0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0}
	wl  = [8]int32{-60, -30, 58, 172, 334, 538, 1198, 3042}

	// qm4 and qm6 are the outputs of the inverse quantisers of the lower band for
	// 4 bits (what the predictors of both sides go by) and for 6 bits (what is heard).
	qm4 = [16]int32{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}
	qm6 = [64]int32{-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136}

	// ih2 is the place of a 2-bit code of the higher band in wh, qm2 its value.
	ih2 = [4]uint8{2, 1, 2, 1}
	wh  = [3]int32{0, -214, 798}
	qm2 = [4]int32{-7408, -1616, 7408, 1616}

	// ilb is 2 to the power of n/32, times 2048 (table 20).
	ilb = [32]int32{2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008}
)

// Codes of the lower band's quantiser: for level 1 the code is 63 or 61, and so on.
// codeBelow is for differences below zero, codeAbove for the others.
func codeBelow(level int32) uint8 {
	if level <= 2 {
		return uint8(64 - level)
	}
	return uint8(34 - level)
}

func codeAbove(level int32) uint8 { return uint8(62 - level) }
