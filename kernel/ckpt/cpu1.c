// SPDX-License-Identifier: GPL-2.0
/*
 * The CPU record of version 1 has some of the registers that REGS of version 2
 * has, in another order.
 */
#include "ckpt.h"

#define SAME(field) { offsetof(struct cr_cpu, field), offsetof(struct cr2_regs, field) }

static const struct {
	u16 in_cpu;
	u16 in_regs;
} words[] = {
	SAME(bx),	 SAME(cx),	  SAME(dx),	   SAME(si),	    SAME(di),
	SAME(bp),	 SAME(ax),	  SAME(ds),	   SAME(es),	    SAME(orig_ax),
	SAME(ip),	 SAME(cs),	  SAME(flags),	   SAME(sp),	    SAME(ss),
	SAME(fs),	 SAME(gs),	  SAME(debugreg0), SAME(debugreg1), SAME(debugreg2),
	SAME(debugreg3), SAME(debugreg6), SAME(debugreg7),
};

void ckpt_cpu_from_regs(struct cr_cpu *cpu, const struct cr2_regs *regs)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		memcpy((u8 *)cpu + words[i].in_cpu, (u8 *)regs + words[i].in_regs, sizeof(u64));
	cpu->uses_debug = regs->uses_debug;
}

/* What version 1 does not have stays as it is. */
void ckpt_regs_from_cpu(struct cr2_regs *regs, const struct cr_cpu *cpu)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		memcpy((u8 *)regs + words[i].in_regs, (u8 *)cpu + words[i].in_cpu, sizeof(u64));
	regs->uses_debug = cpu->uses_debug;
}
