package cpuid

import "strings"

// A word is a register full of feature bits.
type word struct {
	leaf, sub uint32
	reg       int    // 0 to 3: EAX to EDX
	names     string // of the bits from 0 on; "-" for one that Linux does not show
}

// words are the features in the order of /proc/cpuinfo, with the names of
// Linux (arch/x86/include/asm/cpufeatures.h).
var words = []word{
	{1, 0, 3, "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"},
	{0x80000001, 0, 3, "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow"},
	{1, 0, 2, "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor"},
	{0x80000001, 0, 2, "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc perfctr_llc mwaitx - -"},
	{7, 0, 1, "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl"},
	{0xd, 1, 0, "xsaveopt xsavec xgetbv1 xsaves"},
	{7, 1, 0, "- - - - avx_vnni avx512_bf16"},
	{0x80000008, 0, 1, "clzero irperf xsaveerptr - rdpru - - - - wbnoinvd"},
	{7, 0, 2, "- avx512vbmi umip pku ospke waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni avx512_bitalg tme avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect cldemote - movdiri movdir64b enqcmd"},
	{7, 0, 3, "- - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect - md_clear - - - serialize - tsxldtrk - - - - - amx_bf16 avx512_fp16 amx_tile amx_int8"},
}

// flags returns the names of the features that the processor has; most is its
// highest basic leaf.
func flags(most uint32) (names []string) {
	ext, _, _, _ := query(0x80000000, 0)
	for _, w := range words {
		if w.leaf < 0x80000000 && w.leaf > most || w.leaf > 0x80000000 && w.leaf > ext {
			continue
		}
		var regs [4]uint32
		regs[0], regs[1], regs[2], regs[3] = query(w.leaf, w.sub)
		for i, n := range strings.Fields(w.names) {
			if n != "-" && regs[w.reg]>>i&1 != 0 {
				names = append(names, n)
			}
		}
	}
	return names
}
