// SPDX-License-Identifier: GPL-2.0
/*
 * FPU state of an image. It goes through the kernel's own conversion from the
 * user-visible format, with its checks of headers and MXCSR, into a scratch
 * fpstate first: so that a bad area is an error and not a broken caller.
 */
#include <asm/fpu/api.h>
#include <asm/fpu/sched.h>
#include <asm/fpu/signal.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/xstate.h>
#include <asm/pkru.h>

#include "context.h"
#include "internal.h"
#include "legacy.h"
#include "xstate.h"

#include "../../../kernel/checkpoint/ckpt.h"

/* Size of an area with all that user space can have on this machine. */
u32 ckpt_xstate_bytes(void)
{
	return fpu_user_cfg.default_size;
}

u64 ckpt_xstate_features(void)
{
	return boot_cpu_has(X86_FEATURE_XSAVE) ? xgetbv(XCR_XFEATURE_ENABLED_MASK) : 0;
}

/**
 * ckpt_xstate_fits - can components in an area of some size be restored here?
 * @features: components that are not in their initial state
 * @bytes: size of the area, which must hold them all
 */
int ckpt_xstate_fits(u64 features, u32 bytes)
{
	u32 size, offset, ecx, edx;
	int i;

	if (!boot_cpu_has(X86_FEATURE_XSAVE) || bytes < FXSAVE_SIZE + XSAVE_HDR_SIZE)
		return -EINVAL;
	if (features & ~fpu_user_cfg.default_features) {
		ckpt_say(current, "FPU state %#llx is not known to this machine",
			 features & ~fpu_user_cfg.default_features);
		return -EOPNOTSUPP;
	}
	for (i = 2; i < 63; i++) {
		if (!(features & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &size, &offset, &ecx, &edx);
		if (offset + size > bytes)
			return -EINVAL;
	}
	return 0;
}

/**
 * ckpt_check_xstate - convert and check an area
 * @to: gets a scratch fpstate
 * @area: ckpt_xstate_bytes() bytes of the standard format
 */
int ckpt_check_xstate(struct ckpt_target *to, const void *area)
{
	struct fpstate *own = current->thread.fpu.fpstate;
	size_t head = offsetof(struct fpstate, regs);
	struct fpstate *scratch;
	int ret;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return -ENODEV;
	scratch = kvzalloc(head + fpu_kernel_cfg.default_size, GFP_KERNEL_ACCOUNT);
	if (!scratch)
		return -ENOMEM;
	memcpy(scratch, own, head);
	scratch->size = fpu_kernel_cfg.default_size;
	scratch->user_size = fpu_user_cfg.default_size;
	scratch->xfeatures = fpu_kernel_cfg.default_features;
	scratch->user_xfeatures = fpu_user_cfg.default_features;
	scratch->regs.xsave.i387.cwd = 0x37f;
	scratch->regs.xsave.i387.mxcsr = MXCSR_DEFAULT;
	xstate_init_xcomp_bv(&scratch->regs.xsave, scratch->xfeatures);
	to->pkru = pkru_get_init_value();
	ret = copy_uabi_from_kernel_to_xstate(scratch, area, &to->pkru);
	if (ret) {
		kvfree(scratch);
		return ret;
	}
	kvfree(to->xstate);
	to->xstate = scratch;
	return 0;
}

/*
 * An area without protection keys would open them all: that is what a component
 * in its initial state means. Of an image that knows none they are as execve
 * leaves them.
 */
void ckpt_default_pkru(struct ckpt_target *to)
{
	to->pkru = pkru_get_init_value();
}

/* Current starts with fresh FPU state, as after execve, and then gets the image's. */
void ckpt_load_xstate(struct ckpt_target *to)
{
	struct fpu *fpu = &current->thread.fpu;

	fpu_flush_thread();
	fpregs_lock();
	set_thread_flag(TIF_NEED_FPU_LOAD);
	__fpu_invalidate_fpregs_state(fpu);
	__cpu_invalidate_fpregs_state();
	fpregs_unlock();
	/* with that flag set nobody looks at the registers, and memory is ours to write */
	memcpy(&fpu->fpstate->regs.xsave, &to->xstate->regs.xsave, to->xstate->size);
	if (cpu_feature_enabled(X86_FEATURE_OSPKE))
		write_pkru(to->pkru);
}
