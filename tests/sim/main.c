/* sim [-v] [-p] SCENARIO...		each file is one run
 * sim [-v] [-p] -s SEED -r RUNS [-1]	random runs; -1: end at the first fault
 * -v tells what happens, -p prints the operations of a seed as a scenario. Ends with one line. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/sim/sim.h"

static bool run_one(const struct plan *plan, bool loud, bool any_outcome)
{
	char why[512];
	const enum outcome got = sim_run(plan, loud, why, sizeof(why));
	const bool good = any_outcome ? got != OUTCOME_BAD : got == plan->expect;

	if (!good)
		printf("FAIL %s: %s\n", plan->name, why);
	else if (!any_outcome)
		printf("ok   %s\n", plan->name);
	return good;
}

static int run_random(uint64_t seed, uint64_t runs, bool loud, bool print, bool stop)
{
	uint64_t bad = 0, done = 0;

	for (; done < runs && !(stop && bad != 0); done++) {
		struct plan plan;
		plan_random(seed + done, &plan);
		if (print)
			plan_print(&plan);
		bad += run_one(&plan, loud, true) ? 0 : 1;
		plan_free(&plan);
	}
	printf("sim: %llu runs from seed %llu, %llu failed\n", (unsigned long long)done,
	        (unsigned long long)seed, (unsigned long long)bad);
	return bad != 0;
}

static int run_files(char **paths, bool loud)
{
	unsigned bad = 0, n = 0;

	for (; paths[n] != NULL; n++) {
		struct plan plan;
		if (plan_read(paths[n], &plan) != CS_OK)
			return 65;
		bad += run_one(&plan, loud, false) ? 0 : 1;
		plan_free(&plan);
	}
	printf("sim: %u scenarios, %u failed\n", n, bad);
	return bad != 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, runs = 0;
	bool loud = false, print = false, stop = false;

	for (int c; (c = getopt(argc, argv, "vp1s:r:")) != -1;) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (c == 'r')
			runs = strtoull(optarg, NULL, 10);
		else if (c == '?')
			return 64;
		loud = loud || c == 'v';
		print = print || c == 'p';
		stop = stop || c == '1';
	}
	return runs != 0 ? run_random(seed, runs, loud, print, stop)
	                 : run_files(argv + optind, loud);
}
