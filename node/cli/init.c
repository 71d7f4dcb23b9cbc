/* certspan init: makes the first primary of a new cluster, without a daemon (design section 7, day
 * 0). */
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "node/cli/file.h"
#include "node/cli/place.h"
#include "node/cli/reach.h"
#include "node/cli/rescue.h"
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/db/state.h"
#include "store/pki/names.h"

#define EPOCH 1
#define CHANGES 4
#define ACTOR "init"

struct plan {
	struct cli *cli;
	const char *name, *public_host, *internal;
	char sites[CS_TEXT_MAX];
	uint8_t secret[32]; /* of the cluster; wiped at the end */
};

/* "A,B" and repeated options into one list "A,B"; each a host name. */
static int take_sites(struct plan *self)
{
	size_t at = 0, n = 0, count = 0;

	for (const char *value; (value = cli_next_value(self->cli, "site", &at)) != NULL;)
		while (value[0] != '\0') {
			char host[CS_NAME_MAX + 1];
			const size_t len = strcspn(value, ",");
			snprintf(host, sizeof(host), "%.*s", (int)len, value);
			if (len > CS_NAME_MAX || !pki_hostname_ok(host) ||
			        ++count > CS_HOSTNAMES_MAX)
				return cli_fail(self->cli, CS_EUSAGE,
				        "give names as access.example.com",
				        "no site hostname, or too many: %.*s",
				        (int)(len < 200 ? len : 200), value);
			n += (size_t)snprintf(self->sites + n, sizeof(self->sites) - n, "%s%s",
			        n > 0 ? "," : "", host);
			if (n >= sizeof(self->sites))
				return cli_fail(self->cli, CS_EUSAGE, "give fewer",
				        "the site hostnames together are longer than %d bytes",
				        CS_TEXT_MAX);
			value += len + (value[len] == ',');
		}
	return count > 0
	               ? 0
	               : cli_fail(self->cli, CS_EUSAGE, "certspan help init", "--site is missing");
}

static int take_options(struct plan *self)
{
	static const char usage[] = "certspan init --site access.example.com --name p1 --public "
	                            "p1.access.example.com --internal 10.0.0.1:7443";
	struct cli *cli = self->cli;

	self->name = cli_value(cli, "name");
	self->public_host = cli_value(cli, "public");
	self->internal = cli_value(cli, "internal");
	if (self->name == NULL || self->public_host == NULL || self->internal == NULL)
		return cli_fail(cli, CS_EUSAGE, usage, "--%s is missing",
		        self->name == NULL          ? "name"
		        : self->public_host == NULL ? "public"
		                                    : "internal");
	if (!cs_node_name_ok(self->name))
		return cli_fail(cli, CS_EUSAGE,
		        "use lower-case letters, digits and inner '-', at most 32",
		        "no node name: %.100s", self->name);
	if (!pki_hostname_ok(self->public_host))
		return cli_fail(cli, CS_EUSAGE, "give a name as p1.access.example.com",
		        "no hostname: --public %.260s", self->public_host);
	if (!cs_endpoint_ok(self->internal, false))
		return cli_fail(cli, CS_EUSAGE, "give HOST:PORT as 10.0.0.1:7443",
		        "no address: --internal %.260s", self->internal);
	return take_sites(self);
}

static enum cs_err add(
        struct cs_buf *buf, const struct wire_type *type, const void *plain, struct cs_bytes *out)
{
	const size_t from = buf->n;

	CS_TRY(wire_encode(type, plain, buf));
	*out = (struct cs_bytes){ buf->p + from, buf->n - from };
	return CS_OK;
}

static enum cs_err first_commit(
        struct state *state, const struct plan *plan, const struct place *place)
{
	const uint64_t now = (uint64_t)cs_clock_wall_s();
	uint8_t box[32 + crypto_box_SEALBYTES];
	char secret_id[CS_ID_MAX];
	CS_AUTO(cs_buf_free)
	struct cs_buf node_buf = cs_buf_new(CS_OBJECT_MAX), secret_buf = cs_buf_new(CS_OBJECT_MAX),
	              setting_buf = cs_buf_new(CS_OBJECT_MAX),
	              activation_buf = cs_buf_new(CS_OBJECT_MAX);
	const struct wire_node node = { .name = plan->name,
		.role = ROLE_PRIMARY,
		.public_host = plan->public_host,
		.internal = plan->internal,
		.curve_key = { place->replicator.curve_public, 32 },
		.sign_key = { place->replicator.sign_public, 32 },
		.seal_key = { place->keyd.seal_public, 32 },
		.enrolled_at = now };
	const struct wire_secret secret = {
		.epoch = EPOCH, .node = plan->name, .box = { box, sizeof(box) }
	};
	const struct wire_setting site = { .value = plan->sites };
	const struct wire_activation activation = {
		.number = 0, .at = now, .actor = ACTOR, .reason = "a new cluster"
	};
	struct state_change changes[CHANGES] = { { .kind = OBJECT_NODE, .id = plan->name },
		{ .kind = OBJECT_SECRET, .id = secret_id },
		{ .kind = OBJECT_SETTING, .id = "site.hostname" },
		{ .kind = OBJECT_ACTIVATION, .id = "current" } };
	struct state_position position;

	snprintf(secret_id, sizeof(secret_id), "%d.%s", EPOCH, plan->name);
	/* known to keyd alone from now on, and to the recovery file */
	if (crypto_box_seal(box, plan->secret, sizeof(plan->secret), place->keyd.seal_public) != 0)
		return CS_ECRYPTO;
	CS_TRY(add(&node_buf, &wire_node_type, &node, &changes[0].payload));
	CS_TRY(add(&secret_buf, &wire_secret_type, &secret, &changes[1].payload));
	CS_TRY(add(&setting_buf, &wire_setting_type, &site, &changes[2].payload));
	CS_TRY(add(&activation_buf, &wire_activation_type, &activation, &changes[3].payload));
	const struct state_write write = { .changes = changes,
		.count = CHANGES,
		.epoch = EPOCH,
		.at_ms = (uint64_t)cs_clock_wall_ms(),
		.actor = ACTOR };
	return state_commit(state, &write, 1, &position);
}

/* Reign record: signed over its encoding with an empty signature. */
static enum cs_err first_reign(
        struct state *state, const struct plan *plan, const struct place *place)
{
	uint8_t history[16], signature[64];
	const struct wire_position nothing = { .seq = 0 };
	struct wire_reign reign = { .epoch = EPOCH,
		.history = { history, sizeof(history) },
		.leader = plan->name,
		.first_seq = 1,
		.parent = &nothing };
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(4096);

	randombytes_buf(history, sizeof(history));
	CS_TRY(wire_encode(&wire_reign_type, &reign, &text));
	if (crypto_sign_detached(signature, NULL, text.p, text.n, place->replicator.sign_secret) !=
	        0)
		return CS_ECRYPTO;
	reign.signature = (struct cs_bytes){ signature, sizeof(signature) };
	return state_begin_reign(state, &reign);
}

static enum cs_err make_store(
        const struct plan *plan, const struct place *place, uint8_t cluster[16])
{
	CS_AUTO(state_close) struct state *state = NULL;
	uint8_t digest_key[32];

	randombytes_buf(cluster, 16);
	randombytes_buf(digest_key, sizeof(digest_key));
	CS_TRY(file_mkdirs(place->state_store, 0750));
	CS_TRY(state_create(place->state_store, place->config.map_size, cluster, digest_key,
	        plan->name, &state));
	CS_TRY(state_local_put(state, LOCAL_META, "role", cs_bytes_of("primary")));
	CS_TRY(first_reign(state, plan, place));
	return first_commit(state, plan, place);
}

static int report(const struct plan *plan, const struct place *place, const struct rescue *rescue,
        const uint8_t cluster[16])
{
	char hex[33];

	cs_hex(cluster, 16, hex);
	if (plan->cli->output == CLI_JSON)
		return cli_print(plan->cli,
		        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "schema",
		                "certspan.init/1", "cluster", hex, "name", plan->name, "config",
		                place->config_file, "state", place->state_dir, "recovery",
		                rescue->file, "next", "certspand --config FILE"),
		        0);
	printf("cluster %s\nnode %s, primary, of %s\nconfiguration %s\nstate %s (its two .key "
	       "files are this node's identity)\nrecovery file %s (move it off this host; keep its "
	       "passphrase elsewhere)\n",
	        hex, plan->name, plan->sites, place->config_file, place->state_dir, rescue->file);
	cli_say(plan->cli,
	        "next: certspand --config %s\n      certspan --config %s node token create --role "
	        "backup --name b1 --public HOST --internal HOST:PORT\n",
	        place->config_file, place->config_file);
	return 0;
}

static int make(struct plan *plan, struct place *place, struct rescue *rescue)
{
	uint8_t cluster[16];
	int rc = place_make(place);

	if (rc != 0)
		return rc;
	randombytes_buf(plan->secret, sizeof(plan->secret));
	const enum cs_err err = make_store(plan, place, cluster);
	if (err != CS_OK)
		return cli_fail(plan->cli, err,
		        err == CS_EFULL ? "make room, then repeat it"
		                        : "check the folder, then repeat it",
		        "cannot make the store in %.300s: %s", place->state_dir, cs_err_text(err));
	rc = rescue_write(plan->cli, rescue, place->config_file, cluster, EPOCH, plan->secret);
	return rc != 0 ? rc : report(plan, place, rescue, cluster);
}

int cli_init(struct cli *cli)
{
	struct plan plan = { .cli = cli };
	struct place place = { .cli = cli };
	struct rescue rescue;
	int rc = take_options(&plan);

	if (rc != 0 || !rescue_begin(cli, &rescue, &rc))
		return rc;
	snprintf(place.name, sizeof(place.name), "%s", plan.name);
	place_bindable(plan.internal, place.listen);
	rc = make(&plan, &place, &rescue);
	sodium_memzero(plan.secret, sizeof(plan.secret));
	rescue_end(&rescue, rc == 0);
	place_end(&place, rc == 0);
	return rc;
}
