#include "replicator/enrol/join.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>
#include <sodium.h>
#include <zmq.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/role/keyfile.h"
#include "replicator/driver/registry.h"
#include "replicator/enrol/mac.h"
#include "replicator/net/link.h"
#include "store/db/state.h"

#define ANSWER_MS 15000
#define CONNECT_MS 10000
#define MAP_SIZE ((size_t)32 << 30)

struct join {
	const char *state_dir, *name, *endpoint;
	uint32_t role;
	uint8_t server_key[32], token[8], secret[16], cluster[16];
	struct replicator_key key;
	uint8_t seal_public[32];
	char reason[CS_TEXT_MAX + 1];
};

static enum cs_err refuse(struct join *self, enum cs_err err, const char *reason)
{
	snprintf(self->reason, sizeof(self->reason), "%s", reason);
	return err;
}

static enum cs_err take_options(struct join *self, int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--state-dir") == 0)
			self->state_dir = argv[i + 1];
		else if (strcmp(argv[i], "--name") == 0)
			self->name = argv[i + 1];
		else if (strcmp(argv[i], "--role") == 0)
			self->role = node_role_of(argv[i + 1]);
		else if (strcmp(argv[i], "--endpoint") == 0)
			self->endpoint = argv[i + 1];
		else
			return refuse(self, CS_EUSAGE, "unknown option");
	}
	if (self->state_dir == NULL || self->name == NULL || self->endpoint == NULL ||
	        !cs_node_name_ok(self->name) || !cs_endpoint_ok(self->endpoint, false) ||
	        (self->role != ROLE_BACKUP && self->role != ROLE_TRAFFIC))
		return refuse(self, CS_EUSAGE,
		        "usage: certspan-replicator enrol --state-dir DIR --name N --role "
		        "backup|traffic --endpoint HOST:PORT");
	return CS_OK;
}

static enum cs_err take_line(struct join *self, char *line, unsigned *seen)
{
	const struct {
		const char *word;
		uint8_t *bytes;
		size_t n;
	} fields[] = { { "server-key ", self->server_key, 32 }, { "token-id ", self->token, 8 },
		{ "secret ", self->secret, 16 }, { "cluster ", self->cluster, 16 } };

	line[strcspn(line, "\r\n")] = '\0';
	for (size_t i = 0; i < CS_COUNT(fields); i++) {
		const size_t n = strlen(fields[i].word);
		if (strncmp(line, fields[i].word, n) != 0)
			continue;
		*seen |= 1u << i;
		return cs_unhex(line + n, fields[i].bytes, fields[i].n);
	}
	return CS_EMALFORMED;
}

static enum cs_err take_token(struct join *self)
{
	char line[256];
	unsigned seen = 0;
	enum cs_err rc = CS_OK;

	while (rc == CS_OK && fgets(line, sizeof(line), stdin) != NULL)
		rc = take_line(self, line, &seen);
	sodium_memzero(line, sizeof(line));
	return rc == CS_OK && seen == 15 ? CS_OK
	                                 : refuse(self, CS_EMALFORMED, "the join token is damaged");
}

static enum cs_err read_keys(struct join *self)
{
	char path[CS_TEXT_MAX + 64];
	struct keyd_key keyd;

	snprintf(path, sizeof(path), "%s/replicator.key", self->state_dir);
	enum cs_err rc = replicator_key_read(path, &self->key);
	if (rc != CS_OK)
		return refuse(self, rc, "replicator.key cannot be read");
	snprintf(path, sizeof(path), "%s/keyd.key", self->state_dir);
	rc = keyd_key_read(path, &keyd);
	if (rc != CS_OK)
		return refuse(self, rc, "keyd.key cannot be read");
	memcpy(self->seal_public, keyd.seal_public, 32);
	sodium_memzero(&keyd, sizeof(keyd));
	return CS_OK;
}

static enum cs_err enrol_bytes(struct join *self, struct cs_buf *out)
{
	uint8_t mac[32];
	struct wire_enrol e = { .version = REPLICATION_VERSION,
		.token = { self->token, 8 },
		.cluster = { self->cluster, 16 },
		.name = self->name,
		.role = self->role,
		.curve_key = { self->key.curve_public, 32 },
		.sign_key = { self->key.sign_public, 32 },
		.seal_key = { self->seal_public, 32 },
		.software = CERTSPAN_VERSION };

	CS_TRY(enrol_mac(&e, self->secret, mac));
	e.hmac = (struct cs_bytes){ mac, 32 };
	return wire_pack(PACKET_enrol, &e, out);
}

static enum cs_err wait_connected(struct join *self, struct client *client)
{
	const int64_t end = cs_clock_mono_ms() + CONNECT_MS;

	while (cs_clock_mono_ms() < end) {
		zmq_pollitem_t items[] = { { .socket = client_socket(client),
			                           .events = ZMQ_POLLOUT },
			{ .socket = client_monitor(client), .events = ZMQ_POLLIN } };
		zmq_poll(items, 2, 200);
		if (client_writable(client))
			return CS_OK;
		const enum client_fault fault = client_fault(client);
		if (fault == CLIENT_REFUSED)
			return refuse(self, CS_EDENIED,
			        "the primary lets no unknown node in: the token was used or has "
			        "expired");
		if (fault == CLIENT_NO_CURVE)
			return refuse(self, CS_EDENIED,
			        "what answers there is not the primary that made this token");
	}
	return refuse(self, CS_EUNREACHABLE, "the primary cannot be reached");
}

static enum cs_err wait_answer(struct join *self, struct client *client, struct wire_packet *out)
{
	const int64_t end = cs_clock_mono_ms() + ANSWER_MS;

	while (cs_clock_mono_ms() < end) {
		zmq_pollitem_t items[] = { { .socket = client_socket(client),
			                           .events = ZMQ_POLLIN },
			{ .socket = client_monitor(client), .events = ZMQ_POLLIN } };
		zmq_poll(items, 2, 200);
		(void)client_fault(client);
		const enum cs_err rc = client_receive(client, out);
		if (rc == CS_OK && out->id == PACKET_enrolled)
			return CS_OK;
		wire_packet_free(out);
	}
	return refuse(self, CS_ETIMEOUT, "the primary does not answer");
}

static enum cs_err code_of(const char *name)
{
	for (int i = CS_OK + 1; i < CS_ERR_COUNT; i++)
		if (strcmp(cs_err_name((enum cs_err)i), name) == 0)
			return (enum cs_err)i;
	return CS_EREFUSED;
}

/* A refusal needs no proof: it changes nothing here. */
static enum cs_err judge(struct join *self, const struct wire_enrolled *e)
{
	uint8_t mac[32];

	if (e->error[0] != '\0')
		return refuse(self, code_of(e->error), e->reason);
	CS_TRY(enrolled_mac(e, self->secret, mac));
	if (!mac_equal(mac, e->hmac) ||
	        !cs_bytes_equal(e->cluster, (struct cs_bytes){ self->cluster, 16 }) ||
	        e->digest_key.n != 32 || e->reign == NULL)
		return refuse(
		        self, CS_EDENIED, "the answer does not come from the holder of this token");
	return CS_OK;
}

static enum cs_err fill_store(
        struct state *state, const struct join *self, const struct wire_enrolled *e)
{
	CS_AUTO(cs_buf_free) struct cs_buf registry = cs_buf_new(CS_MESSAGE_MAX);
	struct wire_enrolled kept = *e;

	kept.digest_key = kept.hmac = (struct cs_bytes){ NULL, 0 };
	CS_TRY(wire_encode(&wire_enrolled_type, &kept, &registry));
	CS_TRY(state_local_put(state, LOCAL_META, "role", cs_bytes_of(node_role_name(self->role))));
	CS_TRY(state_local_put(state, LOCAL_META, REGISTRY_META, cs_buf_view(&registry)));
	return state_set_allegiance(state, e->reign);
}

static enum cs_err make_store(struct join *self, const struct wire_enrolled *e)
{
	CS_AUTO(state_close) struct state *state = NULL;
	char dir[CS_TEXT_MAX + 64];

	snprintf(dir, sizeof(dir), "%s/state", self->state_dir);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return refuse(self, cs_err_errno(errno), "the folder of the store cannot be made");
	const enum cs_err rc =
	        state_create(dir, MAP_SIZE, self->cluster, e->digest_key.p, self->name, &state);
	if (rc != CS_OK)
		return refuse(self, rc,
		        rc == CS_EEXISTS ? "a store is there already" : "the store cannot be made");
	return fill_store(state, self, e);
}

static enum cs_err enrol(struct join *self, void *context, char primary[CS_ID_MAX + 1])
{
	CS_AUTO(client_close) struct client *client = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf bytes = cs_buf_new(CS_MESSAGE_MAX);
	struct wire_packet answer = { 0 };

	CS_TRY(read_keys(self));
	CS_TRY(enrol_bytes(self, &bytes));
	const enum cs_err opened = client_open(context, self->endpoint, self->server_key,
	        (struct link_keys){ self->key.curve_public, self->key.curve_secret }, false,
	        &client);
	if (opened != CS_OK)
		return refuse(self, opened, "the primary's address cannot be dialled");
	CS_TRY(wait_connected(self, client));
	CS_TRY(client_send(client, cs_buf_view(&bytes)));
	CS_TRY(wait_answer(self, client, &answer));
	const struct wire_enrolled *e = answer.body;
	enum cs_err rc = judge(self, e);
	if (rc == CS_OK)
		rc = make_store(self, e);
	if (rc == CS_OK)
		snprintf(primary, CS_ID_MAX + 1, "%s", e->reign->leader);
	wire_packet_free(&answer);
	return rc;
}

/* Texts from outside: quotes and backslashes would break the line. */
static void print_json_text(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == '"' || *c == '\\' || *c >= 0x7f)
			printf("\\u%04x", *c);
		else
			putchar(*c);
	}
}

static int report(struct join *self, enum cs_err rc, const char *primary)
{
	if (rc == CS_OK) {
		printf("{\"ok\":true,\"primary\":\"");
		print_json_text(primary);
	} else {
		printf("{\"error\":\"%s\",\"reason\":\"", cs_err_name(rc));
		print_json_text(self->reason[0] != '\0' ? self->reason : cs_err_text(rc));
	}
	printf("\"}\n");
	return cs_err_exit(rc);
}

int join_main(int argc, char **argv)
{
	struct join self = { .name = NULL };
	char primary[CS_ID_MAX + 1] = "";
	void *context = zmq_ctx_new();

	cs_log_setup("replicator", "", CS_LOG_TEXT, CS_LOG_WARNING);
	enum cs_err rc = context != NULL && sodium_init() >= 0 ? CS_OK : CS_EBUG;
	if (rc == CS_OK)
		rc = wire_self_check();
	if (rc == CS_OK)
		rc = take_options(&self, argc, argv);
	if (rc == CS_OK)
		rc = take_token(&self);
	if (rc == CS_OK)
		rc = enrol(&self, context, primary);
	const int code = report(&self, rc, primary);
	sodium_memzero(&self, sizeof(self));
	if (context != NULL)
		zmq_ctx_term(context);
	return code;
}
