/* certspan demo: the whole job on one host in at most 20 seconds. A primary, a backup and a traffic
 * node as real process groups; one import, and every node serves it; the primary is killed, the
 * others serve on; it comes back; a renewal activates itself. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sodium.h>
#include "node/cli/api.h"
#include "node/cli/demo/script.h"
#include "node/cli/file.h"
#include "node/cli/view.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"

#define SITE_DAYS 60
#define RENEWED_DAYS 90
#define SAN "DNS:*." DEMO_SITE ",DNS:" DEMO_SITE

/* What every admin does once after init. */
static enum cs_err prove_recovery(struct script *self, const char *file, const char *secret)
{
	const char *const words[] = { "key", "recovery", "--verify", file, "--passphrase-file",
		secret, NULL };

	CS_TRY(demo_run(&self->demo, &self->demo.nodes[0], NULL, NULL, words));
	script_tell(self, "p1: certspan key recovery --verify recovery.txt: it holds the secret");
	return CS_OK;
}

static enum cs_err start(struct script *self)
{
	struct demo_node *p1 = &self->demo.nodes[0];
	char internal[32], listen[32], state[DEMO_PATH_MAX + 8], run[DEMO_PATH_MAX + 8],
	        secret[DEMO_PATH_MAX + 32], recovery[DEMO_PATH_MAX + 32];

	snprintf(recovery, sizeof(recovery), "%s/recovery.txt", p1->dir);
	snprintf(secret, sizeof(secret), "%s/recovery.passphrase", p1->dir);
	snprintf(internal, sizeof(internal), "127.0.0.1:%u", p1->internal_port);
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", p1->edge_port);
	snprintf(state, sizeof(state), "%s/state", p1->dir);
	snprintf(run, sizeof(run), "%s/run", p1->dir);
	script_tell(self, "certspan init --site %s --name p1 --public %s --internal %s", DEMO_SITE,
	        p1->public_host, internal);
	const char *const words[] = { "init", "--site", DEMO_SITE, "--name", "p1", "--public",
		p1->public_host, "--internal", internal, "--state", state, "--runtime", run,
		"--edge-listen", listen, "--recovery", recovery, "--recovery-passphrase-out",
		secret, NULL };
	CS_TRY(demo_run(&self->demo, p1, NULL, NULL, words));
	CS_TRY(demo_start(&self->demo, p1));
	CS_TRY(script_until(self, script_primary_answers, "p1 answers"));
	script_tell(self, "p1 runs: %zu processes, edge on %s", demo_processes(p1), listen);
	CS_TRY(prove_recovery(self, recovery, secret));
	script_phase(self, "start", "a primary from nothing");
	return CS_OK;
}

static enum cs_err make_token(struct script *self, const struct demo_node *node, json_t **out)
{
	char internal[32];
	const char *const words[] = { "node", "token", "create", "--role", node->role, "--name",
		node->name, "--public", node->public_host,
		node->internal_port != 0 ? "--internal" : NULL, internal, NULL };

	snprintf(internal, sizeof(internal), "127.0.0.1:%u", node->internal_port);
	script_tell(self, "p1: certspan node token create --role %s --name %s --public %s",
	        node->role, node->name, node->public_host);
	return demo_run(&self->demo, &self->demo.nodes[0], NULL, out, words);
}

static enum cs_err join(struct script *self, struct demo_node *node, const char *token)
{
	char listen[32], state[DEMO_PATH_MAX + 8], run[DEMO_PATH_MAX + 8];
	const char *const words[] = { "join", "-", "--state", state, "--runtime", run,
		"--edge-listen", listen, NULL };

	snprintf(listen, sizeof(listen), "127.0.0.1:%u", node->edge_port);
	snprintf(state, sizeof(state), "%s/state", node->dir);
	snprintf(run, sizeof(run), "%s/run", node->dir);
	script_tell(self, "%s: certspan join TOKEN", node->name);
	CS_TRY(demo_run(&self->demo, node, token, NULL, words));
	return demo_start(&self->demo, node);
}

static enum cs_err join_all(struct script *self)
{
	json_t *tokens[DEMO_NODES] = { NULL };
	enum cs_err rc = CS_OK;

	for (size_t i = 1; i < DEMO_NODES && rc == CS_OK; i++)
		rc = make_token(self, &self->demo.nodes[i], &tokens[i]);
	for (size_t i = 1; i < DEMO_NODES && rc == CS_OK; i++)
		rc = join(self, &self->demo.nodes[i], text_at(tokens[i], "token"));
	for (size_t i = 1; i < DEMO_NODES; i++)
		json_decref(tokens[i]);
	CS_TRY(rc);
	CS_TRY(script_until(self, script_in_sync, "three nodes in sync"));
	script_phase(self, "join", "a backup and a traffic node joined, all in sync");
	return CS_OK;
}

/* A random passphrase, in a file and in locked memory only. */
static enum cs_err make_passphrase(struct script *self)
{
	uint8_t random[18];

	self->passphrase = sodium_malloc(32);
	if (self->passphrase == NULL)
		return demo_fail(&self->demo, CS_ENOMEM, "out of memory");
	randombytes_buf(random, sizeof(random));
	cs_base64url(random, sizeof(random), self->passphrase);
	sodium_memzero(random, sizeof(random));
	snprintf(self->passphrase_file, sizeof(self->passphrase_file), "%s/passphrase",
	        self->demo.dir);
	const enum cs_err rc =
	        file_write_new(self->passphrase_file, cs_bytes_of(self->passphrase), 0600);
	return rc == CS_OK ? CS_OK
	                   : demo_fail(&self->demo, rc, "cannot write %s: %s",
	                             self->passphrase_file, cs_err_text(rc));
}

static enum cs_err import(struct script *self, const char *label, long days, json_t **out)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/%s.p12", self->demo.dir, label);
	const enum cs_err rc = mint_p12(self->mint, SAN, days, self->passphrase, file, self->leaf);
	if (rc != CS_OK)
		return demo_fail(&self->demo, rc, "cannot mint %s: %s", file, cs_err_text(rc));
	self->phase_ms = cs_clock_mono_ms();
	script_tell(self, "p1: certspan cert import %s.p12 --passphrase-file F", label);
	const char *const words[] = { "cert", "import", file, "--passphrase-file",
		self->passphrase_file, NULL };
	CS_TRY(demo_run(&self->demo, &self->demo.nodes[0], NULL, out, words));
	snprintf(self->id, sizeof(self->id), "%.16s", text_at(json_object_get(*out, "cert"), "id"));
	if (!true_at(*out, "activated"))
		return demo_fail(&self->demo, CS_EREFUSED, "%s.p12 was not activated: %.300s",
		        label, text_at(*out, "text"));
	return CS_OK;
}

static enum cs_err first_certificate(struct script *self)
{
	char pem[128];
	json_t *doc = NULL;

	snprintf(pem, sizeof(pem), "%s/ca.pem", self->demo.dir);
	if (mint_new(&self->mint) != CS_OK || mint_ca_pem(self->mint, pem) != CS_OK)
		return demo_fail(&self->demo, CS_ECRYPTO, "cannot make the demo CA");
	CS_TRY(make_passphrase(self));
	const enum cs_err rc = import(self, "demo", SITE_DAYS, &doc);
	json_decref(doc);
	CS_TRY(rc);
	const char *const words[] = { "default", "set", self->id, NULL };
	script_tell(self, "p1: certspan default set %s", self->id);
	CS_TRY(demo_run(&self->demo, &self->demo.nodes[0], NULL, NULL, words));
	CS_TRY(script_until(self, script_all_serve, "every node serves the certificate"));
	script_phase(self, "import", "from import to served by all three");
	CS_TRY(script_until(self, script_proven, "every node's prober has seen it"));
	script_show_status(self);
	script_show_handshakes(self);
	return CS_OK;
}

static enum cs_err kill_primary(struct script *self)
{
	struct demo_node *p1 = &self->demo.nodes[0];
	uint32_t us = 0;

	self->phase_ms = cs_clock_mono_ms();
	const size_t n = demo_kill(&self->demo, p1);
	script_tell(self, "kill -9 of all %zu processes of p1", n);
	if (demo_handshake(p1, PROBE_SNI, DEMO_SITE, self->leaf, &us) == CS_OK)
		return demo_fail(&self->demo, CS_EBUG, "p1 still serves although it was killed");
	if (!script_all_serve(self))
		return demo_fail(&self->demo, CS_EREFUSED, "b1 or t1 stopped serving when p1 died");
	script_show_handshakes(self);
	script_phase(self, "kill", "p1 is dead, b1 and t1 serve on");
	return CS_OK;
}

static enum cs_err restart_primary(struct script *self)
{
	CS_TRY(demo_start(&self->demo, &self->demo.nodes[0]));
	CS_TRY(script_until(self, script_in_sync, "p1 is back and all are in sync"));
	CS_TRY(script_until(self, script_all_serve, "p1 serves again"));
	script_phase(self, "restart", "p1 is back, in sync and serving");
	return CS_OK;
}

static enum cs_err renew(struct script *self)
{
	json_t *doc = NULL;
	const enum cs_err rc = import(self, "renewed", RENEWED_DAYS, &doc);
	char verdict[64];
	const bool moved = true_at(doc, "default_moved");

	snprintf(verdict, sizeof(verdict), "%s", text_at(doc, "verdict"));
	json_decref(doc);
	CS_TRY(rc);
	if (!moved)
		return demo_fail(
		        &self->demo, CS_EREFUSED, "the default did not follow the renewal");
	script_tell(self, "verdict %s: activated by itself, the default follows", verdict);
	CS_TRY(script_until(self, script_all_serve, "every node serves the renewal"));
	script_phase(self, "renew", "the renewal is served by all three, no SNI too");
	CS_TRY(script_until(self, script_proven, "every node's prober has seen the renewal"));
	script_show_status(self);
	return CS_OK;
}

static enum cs_err stop(struct script *self)
{
	self->phase_ms = cs_clock_mono_ms();
	for (size_t i = 0; i < DEMO_NODES; i++)
		if (self->demo.nodes[i].pid != 0)
			kill(self->demo.nodes[i].pid, SIGTERM); /* all at once; demo_stop waits */
	for (size_t i = 0; i < DEMO_NODES; i++)
		CS_TRY(demo_stop(&self->demo, &self->demo.nodes[i]));
	script_phase(self, "stop", "all drained and stopped");
	return CS_OK;
}

static enum cs_err play(struct script *self)
{
	CS_TRY(demo_open(&self->demo));
	script_tell(self, "three nodes on loopback in %s", self->demo.dir);
	self->phase_ms = cs_clock_mono_ms();
	CS_TRY(start(self));
	CS_TRY(join_all(self));
	CS_TRY(first_certificate(self));
	CS_TRY(kill_primary(self));
	CS_TRY(restart_primary(self));
	CS_TRY(renew(self));
	return self->demo.keep ? CS_OK : stop(self);
}

static int ended(struct script *self, enum cs_err rc)
{
	struct demo *demo = &self->demo;

	if (rc == CS_OK) {
		script_next_steps(self);
		return 0;
	}
	if (demo_interrupted()) {
		fprintf(stderr,
		        "\ncertspan: interrupted; all that it started is stopped and removed\n");
		return 128 + SIGINT;
	}
	fprintf(stderr, "\ncertspan: the demo failed: %s\n",
	        demo->failure[0] != '\0' ? demo->failure : cs_err_text(rc));
	demo_tails(demo, stderr);
	fprintf(stderr, "next: certspan demo, once more; if it fails again, that is a bug worth a "
	                "report with these lines\n");
	return cs_err_exit(rc);
}

int cli_demo(struct cli *cli)
{
	static struct script self;

	self.demo.cli = cli;
	self.demo.talk = cli->output == CLI_JSON ? stderr : stdout;
	self.demo.keep = cli_flag(cli, "keep");
	self.demo.began_ms = cs_clock_mono_ms();
	demo_catch_signals();
	const enum cs_err rc = play(&self);
	int exit_code = ended(&self, rc);
	if (rc != CS_OK || !self.demo.keep)
		demo_close(&self.demo);
	if (self.passphrase != NULL)
		sodium_free(self.passphrase);
	mint_free(&self.mint);
	return cli->output == CLI_JSON ? script_report(&self, exit_code) : exit_code;
}
