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
#include "node/cli/demo/cluster.h"
#include "node/cli/demo/mint.h"
#include "node/cli/file.h"
#include "node/cli/view.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"

#define WAIT_MS 20000
#define TURN_US 15000
#define SITE_DAYS 60
#define RENEWED_DAYS 90
#define SAN "DNS:*." DEMO_SITE ",DNS:" DEMO_SITE
#define PHASES 7

struct script {
	struct demo demo;
	struct mint *mint;
	char passphrase_file[128];
	char *passphrase; /* locked */
	uint8_t leaf[32]; /* what all should serve now */
	char id[17];
	struct {
		const char *name;
		int64_t ms;
	} phases[PHASES];
	size_t phase_count;
	int64_t phase_ms;
};

static void tell(struct script *self, const char *fmt, ...) CS_PRINTF(2, 3);
static void tell(struct script *self, const char *fmt, ...)
{
	va_list args;

	fprintf(self->demo.talk, "%6.2f s  ",
	        (double)(cs_clock_mono_ms() - self->demo.began_ms) / 1000.0);
	va_start(args, fmt);
	vfprintf(self->demo.talk, fmt, args);
	va_end(args);
	fputc('\n', self->demo.talk);
	fflush(self->demo.talk);
}

static void phase_end(struct script *self, const char *name, const char *what)
{
	const int64_t now = cs_clock_mono_ms(), took = now - self->phase_ms;

	if (self->phase_count < PHASES) {
		self->phases[self->phase_count].name = name;
		self->phases[self->phase_count++].ms = took;
	}
	self->phase_ms = now;
	tell(self, "-- %s: %.2f s", what, (double)took / 1000.0);
}

/* Until FN is true; an early end of a node, ^C or too long a wait is a failure. */
typedef bool ready_fn(struct script *self);
static enum cs_err until(struct script *self, ready_fn *ready, const char *what)
{
	const int64_t end = cs_clock_mono_ms() + WAIT_MS;

	while (!ready(self)) {
		if (demo_interrupted())
			return demo_fail(&self->demo, CS_EAGAIN, "interrupted");
		if (cs_clock_mono_ms() > end)
			return demo_fail(&self->demo, CS_ETIMEOUT, "%s: not within %d s", what,
			        WAIT_MS / 1000);
		for (size_t i = 0; i < DEMO_NODES; i++)
			if (demo_ended(&self->demo.nodes[i]))
				return demo_fail(&self->demo, CS_ECLOSED, "%s ended by itself",
				        self->demo.nodes[i].name);
		usleep(TURN_US);
	}
	return CS_OK;
}

static bool answers(struct demo *demo, const struct demo_node *node)
{
	json_t *doc = demo_status(demo, node);

	json_decref(doc);
	return doc != NULL;
}

static bool primary_answers(struct script *self)
{
	return answers(&self->demo, &self->demo.nodes[0]);
}

/* All three, in sync, by what the primary says. */
static bool all_in_sync(struct script *self)
{
	json_t *doc = demo_status(&self->demo, &self->demo.nodes[0]), *node;
	size_t i, good = 0;

	json_array_foreach(json_object_get(doc, "nodes"), i, node) good +=
	        strcmp(text_at(node, "state"), "in-sync") == 0;
	const bool all = good == DEMO_NODES && strcmp(text_at(doc, "state"), "in-sync") == 0;
	json_decref(doc);
	return all;
}

static const struct question {
	enum probe_kind kind;
	const char *sni, *title;
} questions[] = {
	{ PROBE_SNI, DEMO_SITE, "SNI " DEMO_SITE },
	{ PROBE_NO_SNI, "", "no SNI" },
	{ PROBE_UNMATCHED, DEMO_UNMATCHED, "unmatched SNI" },
};

static bool serves(struct script *self, const struct demo_node *node)
{
	uint32_t us = 0;

	for (size_t i = 0; i < CS_COUNT(questions); i++)
		if (demo_handshake(node, questions[i].kind, questions[i].sni, self->leaf, &us) !=
		        CS_OK)
			return false;
	return demo_handshake(node, PROBE_SNI, node->public_host, self->leaf, &us) == CS_OK;
}

static bool all_serve(struct script *self)
{
	for (size_t i = 0; i < DEMO_NODES; i++)
		if (self->demo.nodes[i].pid != 0 && !serves(self, &self->demo.nodes[i]))
			return false;
	return true;
}

/* The SERVED column: every node's own prober has seen what it should. */
static bool all_proven(struct script *self)
{
	json_t *doc = demo_status(&self->demo, &self->demo.nodes[0]), *node;
	size_t i, good = 0;

	json_array_foreach(json_object_get(doc, "nodes"), i, node) good +=
	        strcmp(view_served_kind(node, "sni"), "match") == 0 &&
	        strcmp(view_served_kind(node, "no-sni"), "match") == 0 &&
	        strcmp(view_served_kind(node, "unmatched-sni"), "match") == 0;
	json_decref(doc);
	return good == DEMO_NODES;
}

/* Our own handshakes, beside those of the nodes' probers. */
static void show_handshakes(struct script *self)
{
	CS_AUTO(table_free)
	struct table *table = table_new("        HANDSHAKE WITH|SNI " DEMO_SITE
	                                "|SNI OF ITS OWN|NO SNI|UNMATCHED SNI",
	        false);

	for (size_t i = 0; i < DEMO_NODES; i++) {
		const struct demo_node *node = &self->demo.nodes[i];
		const struct question own = { PROBE_SNI, node->public_host, "" },
		                      *all[] = { &questions[0], &own, &questions[1],
			                      &questions[2] };
		char cells[CS_COUNT(all)][32];
		for (size_t k = 0; k < CS_COUNT(all); k++) {
			uint32_t us = 0;
			const enum cs_err rc =
			        demo_handshake(node, all[k]->kind, all[k]->sni, self->leaf, &us);
			if (rc == CS_OK)
				snprintf(cells[k], sizeof(cells[k]), "match %.1f ms",
				        (double)us / 1000.0);
			else
				snprintf(cells[k], sizeof(cells[k]), "%s",
				        rc == CS_EREFUSED ? "WRONG" : "down");
		}
		table_row(table, TABLE_PLAIN, "        %s 127.0.0.1:%u|%s|%s|%s|%s", node->name,
		        node->edge_port, cells[0], cells[1], cells[2], cells[3]);
	}
	table_print(table, self->demo.talk, false);
}

static void show_status(struct script *self)
{
	struct cli ask = *self->demo.cli;
	json_t *doc = demo_status(&self->demo, &self->demo.nodes[0]);

	if (doc == NULL || self->demo.talk != stdout)
		return;
	ask.output = CLI_TABLE;
	putchar('\n');
	view_status(&ask, doc);
	putchar('\n');
	json_decref(doc);
}

static enum cs_err start(struct script *self)
{
	struct demo_node *p1 = &self->demo.nodes[0];
	char internal[32], listen[32], state[DEMO_PATH_MAX + 8], run[DEMO_PATH_MAX + 8];

	snprintf(internal, sizeof(internal), "127.0.0.1:%u", p1->internal_port);
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", p1->edge_port);
	snprintf(state, sizeof(state), "%s/state", p1->dir);
	snprintf(run, sizeof(run), "%s/run", p1->dir);
	tell(self, "certspan init --site %s --name p1 --public %s --internal %s", DEMO_SITE,
	        p1->public_host, internal);
	const char *const words[] = { "init", "--site", DEMO_SITE, "--name", "p1", "--public",
		p1->public_host, "--internal", internal, "--state", state, "--runtime", run,
		"--edge-listen", listen, NULL };
	CS_TRY(demo_run(&self->demo, p1, NULL, NULL, words));
	CS_TRY(demo_start(&self->demo, p1));
	CS_TRY(until(self, primary_answers, "p1 answers"));
	tell(self, "p1 runs: %zu processes, edge on %s", demo_processes(p1), listen);
	phase_end(self, "start", "a primary from nothing");
	return CS_OK;
}

static enum cs_err join(struct script *self, struct demo_node *node)
{
	char internal[32], listen[32], state[DEMO_PATH_MAX + 8], run[DEMO_PATH_MAX + 8];
	json_t *doc = NULL;
	const char *const token_words[] = { "node", "token", "create", "--role", node->role,
		"--name", node->name, "--public", node->public_host,
		node->internal_port != 0 ? "--internal" : NULL, internal, NULL };

	snprintf(internal, sizeof(internal), "127.0.0.1:%u", node->internal_port);
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", node->edge_port);
	snprintf(state, sizeof(state), "%s/state", node->dir);
	snprintf(run, sizeof(run), "%s/run", node->dir);
	tell(self, "p1: certspan node token create --role %s --name %s;  %s: certspan join TOKEN",
	        node->role, node->name, node->name);
	CS_TRY(demo_run(&self->demo, &self->demo.nodes[0], NULL, &doc, token_words));
	const char *const words[] = { "join", "-", "--state", state, "--runtime", run,
		"--edge-listen", listen, NULL };
	const enum cs_err rc = demo_run(&self->demo, node, text_at(doc, "token"), NULL, words);
	json_decref(doc);
	CS_TRY(rc);
	return demo_start(&self->demo, node);
}

static enum cs_err join_all(struct script *self)
{
	for (size_t i = 1; i < DEMO_NODES; i++)
		CS_TRY(join(self, &self->demo.nodes[i]));
	CS_TRY(until(self, all_in_sync, "three nodes in sync"));
	phase_end(self, "join", "a backup and a traffic node joined, all in sync");
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
	tell(self, "p1: certspan cert import %s.p12 --passphrase-file F", label);
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
	tell(self, "p1: certspan default set %s", self->id);
	CS_TRY(demo_run(&self->demo, &self->demo.nodes[0], NULL, NULL, words));
	CS_TRY(until(self, all_serve, "every node serves the certificate"));
	phase_end(self, "import", "from import to served by all three");
	CS_TRY(until(self, all_proven, "every node's prober has seen it"));
	show_status(self);
	show_handshakes(self);
	return CS_OK;
}

static enum cs_err kill_primary(struct script *self)
{
	struct demo_node *p1 = &self->demo.nodes[0];
	uint32_t us = 0;

	self->phase_ms = cs_clock_mono_ms();
	const size_t n = demo_kill(&self->demo, p1);
	tell(self, "kill -9 of all %zu processes of p1", n);
	if (demo_handshake(p1, PROBE_SNI, DEMO_SITE, self->leaf, &us) == CS_OK)
		return demo_fail(&self->demo, CS_EBUG, "p1 still serves although it was killed");
	if (!all_serve(self))
		return demo_fail(&self->demo, CS_EREFUSED, "b1 or t1 stopped serving when p1 died");
	show_handshakes(self);
	phase_end(self, "kill", "p1 is dead, b1 and t1 serve on");
	return CS_OK;
}

static enum cs_err restart_primary(struct script *self)
{
	CS_TRY(demo_start(&self->demo, &self->demo.nodes[0]));
	CS_TRY(until(self, all_in_sync, "p1 is back and all are in sync"));
	CS_TRY(until(self, all_serve, "p1 serves again"));
	phase_end(self, "restart", "p1 is back, in sync and serving");
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
	tell(self, "verdict %s: activated by itself, the default follows", verdict);
	CS_TRY(until(self, all_serve, "every node serves the renewal"));
	phase_end(self, "renew", "the renewal is served by all three, no SNI too");
	CS_TRY(until(self, all_proven, "every node's prober has seen the renewal"));
	show_status(self);
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
	phase_end(self, "stop", "all drained and stopped");
	return CS_OK;
}

static enum cs_err play(struct script *self)
{
	CS_TRY(demo_open(&self->demo));
	tell(self, "three nodes on loopback in %s", self->demo.dir);
	self->phase_ms = cs_clock_mono_ms();
	CS_TRY(start(self));
	CS_TRY(join_all(self));
	CS_TRY(first_certificate(self));
	CS_TRY(kill_primary(self));
	CS_TRY(restart_primary(self));
	CS_TRY(renew(self));
	return self->demo.keep ? CS_OK : stop(self);
}

static void next_steps(struct script *self)
{
	const struct demo *d = &self->demo;
	FILE *out = d->talk;

	fprintf(out, "\nAll of it held, in %.1f s.\n",
	        (double)(cs_clock_mono_ms() - d->began_ms) / 1000.0);
	if (!d->keep) {
		fprintf(out, "Try next:\n  certspan demo --keep          the same cluster, left "
		             "running to play with\n"
		             "  make test                     everything that proves it\n"
		             "  certspan help init            a real first node\n");
		return;
	}
	fprintf(out, "The cluster runs on. Talk to it:\n");
	for (size_t i = 0; i < DEMO_NODES; i++)
		fprintf(out,
		        "  certspan --config %s status          # %s, certspand pid %d, edge "
		        "127.0.0.1:%u\n",
		        d->nodes[i].config, d->nodes[i].name, (int)d->nodes[i].pid,
		        d->nodes[i].edge_port);
	fprintf(out, "  certspan --config %s coverage matrix\n  certspan --config %s explain %s\n",
	        d->nodes[0].config, d->nodes[0].config, d->nodes[2].public_host);
	fprintf(out, "  curl --cacert %s/ca.pem --resolve %s:%u:127.0.0.1 https://%s:%u/\n", d->dir,
	        d->nodes[2].public_host, d->nodes[2].edge_port, d->nodes[2].public_host,
	        d->nodes[2].edge_port);
	fprintf(out, "Stop it:\n  kill %d %d %d; sleep 3; rm -r %s\n", (int)d->nodes[0].pid,
	        (int)d->nodes[1].pid, (int)d->nodes[2].pid, d->dir);
}

static int report_json(struct script *self, int exit_code)
{
	json_t *phases = json_array();

	for (size_t i = 0; i < self->phase_count; i++)
		json_array_append_new(phases, json_pack("{s:s, s:f}", "name", self->phases[i].name,
		                                      "s", (double)self->phases[i].ms / 1000.0));
	return cli_print(self->demo.cli,
	        json_pack("{s:s, s:b, s:f, s:o, s:s}", "schema", "certspan.demo/1", "ok",
	                exit_code == 0, "total_s",
	                (double)(cs_clock_mono_ms() - self->demo.began_ms) / 1000.0, "phases",
	                phases, "error", self->demo.failure),
	        exit_code);
}

static int ended(struct script *self, enum cs_err rc)
{
	struct demo *demo = &self->demo;

	if (rc == CS_OK) {
		next_steps(self);
		return 0;
	}
	fprintf(stderr, "\ncertspan: the demo failed: %s\n",
	        demo->failure[0] != '\0' ? demo->failure : cs_err_text(rc));
	if (!demo_interrupted())
		demo_tails(demo, stderr);
	fprintf(stderr, "next: certspan demo, once more; if it fails again, that is a bug worth a "
	                "report with these lines\n");
	return demo_interrupted() ? 128 + SIGINT : cs_err_exit(rc);
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
	return cli->output == CLI_JSON ? report_json(&self, exit_code) : exit_code;
}
