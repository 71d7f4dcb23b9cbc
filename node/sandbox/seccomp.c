#include "node/sandbox/seccomp.h"
#include <errno.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static const int plain[] = { SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(fcntl),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(mlock),
	SCMP_SYS(mlock2), SCMP_SYS(munlock), SCMP_SYS(mlockall), SCMP_SYS(futex),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg),
	SCMP_SYS(sendto), SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(fdatasync) };

static const int files[] = { SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat),
	SCMP_SYS(ftruncate), SCMP_SYS(truncate), SCMP_SYS(fchmod), SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename),
	SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(pwrite64) };

static const int looks[] = { SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(flock),
	SCMP_SYS(uname), SCMP_SYS(getcwd) };

/* No honest path of a role does these after its start. */
static const int deadly[] = { SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(socket),
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(mount), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(bpf), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(keyctl), SCMP_SYS(unshare), SCMP_SYS(setns),
	SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup) };

/* To put the second filter on. */
static const int stacking[] = { SCMP_SYS(seccomp), SCMP_SYS(prctl) };

static void context_free(scmp_filter_ctx *ctx)
{
	seccomp_release(*ctx);
}

/* Calls that this architecture does not have are left out. */
static bool rules(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const int rc = seccomp_rule_add(ctx, action, calls[i], 0);
		if (rc != 0 && rc != -EDOM && rc != -EACCES)
			return false;
	}
	return true;
}

/* Memory, but none that can be executed; the terminal question of isatty, and no other ioctl. */
static bool careful_rules(scmp_filter_ctx ctx)
{
	static const int mapping[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };

	for (size_t i = 0; i < CS_COUNT(mapping); i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, mapping[i], 1,
		            SCMP_A2(SCMP_CMP_MASKED_EQ, (scmp_datum_t)PROT_EXEC, 0)) != 0)
			return false;
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
	               SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)TCGETS, 0)) == 0;
}

static enum cs_err load(scmp_filter_ctx ctx)
{
#ifdef SANITIZED
	(void)ctx;
	return CS_EUNSUPPORTED;
#else
	/* role_begin has set no_new_privs; a second filter on top cannot set it again where prctl
	 * is refused */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	return seccomp_load(ctx) == 0 ? CS_OK : CS_EUNSUPPORTED;
#endif
}

enum cs_err sandbox_seccomp(enum sandbox_calls calls)
{
	CS_AUTO(context_free) scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (ctx == NULL || !rules(ctx, SCMP_ACT_ALLOW, plain, CS_COUNT(plain)) ||
	        !rules(ctx, SCMP_ACT_ALLOW, looks, CS_COUNT(looks)) ||
	        !rules(ctx, SCMP_ACT_KILL_PROCESS, deadly, CS_COUNT(deadly)) || !careful_rules(ctx))
		return CS_ENOMEM;
	if (calls == SANDBOX_OPENS &&
	        (!rules(ctx, SCMP_ACT_ALLOW, files, CS_COUNT(files)) ||
	                !rules(ctx, SCMP_ACT_ALLOW, stacking, CS_COUNT(stacking))))
		return CS_ENOMEM;
	return load(ctx);
}

enum cs_err sandbox_no_more_files(void)
{
	CS_AUTO(context_free) scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (ctx == NULL || !rules(ctx, SCMP_ACT_ERRNO(EPERM), files, CS_COUNT(files)) ||
	        !rules(ctx, SCMP_ACT_ERRNO(EPERM), stacking, CS_COUNT(stacking)))
		return CS_ENOMEM;
	return load(ctx);
}
