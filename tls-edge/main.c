/* certspan-edge: accepts clients, chooses certificates, does TLS, relays. Started by certspand
 * only. */
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include "proto/base/log.h"
#include "tls-edge/select/attach.h"
#include "tls-edge/worker.h"

/* Two descriptors a relayed connection. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		cs_warning("the limit of open files stays as it is");
}

static enum cs_err serve(struct role *role)
{
	CS_AUTO(attach_free) struct attach *attach = NULL;
	CS_AUTO(worker_free) struct worker *worker = NULL;
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof(dir), "%s/serving", role->config->state_dir) >= (int)sizeof(dir))
		return CS_ETOOBIG;
	CS_TRY(attach_new(dir, role->config->map_size, &attach));
	attach_try(attach);
	const struct source source = attach_source(attach);
	CS_TRY(worker_new(role, &source, &worker));
	return worker_run(worker);
}

int main(void)
{
	struct role role;
	enum cs_err rc = role_begin("edge", &role);

	if (rc != CS_OK)
		return cs_err_exit(rc);
	raise_descriptors();
	rc = serve(&role);
	if (rc != CS_OK && rc != CS_ECLOSED)
		cs_error("edge ends: %s", cs_err_text(rc));
	role_end(&role);
	return cs_err_exit(rc);
}
