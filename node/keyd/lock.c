#include "node/keyd/lock.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define ENOUGH (512ul << 20)

#if defined(__SANITIZE_ADDRESS__)
#define SHADOWED 1 /* terabytes of shadow memory */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHADOWED 1
#endif
#endif

bool lock_memory_so_far(void)
{
#ifdef SHADOWED
	return false;
#else
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	return mlockall(MCL_CURRENT | MCL_ONFAULT) == 0;
#endif
}

void lock_memory_to_come(void)
{
#ifndef SHADOWED
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= ENOUGH)
		(void)mlockall(MCL_FUTURE | MCL_ONFAULT);
#endif
}
