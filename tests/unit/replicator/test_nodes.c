/* Whole replicators as processes on loopback; the test plays keyd, admin and prober of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <poll.h>
#include <sodium.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/role/channel.h"
#include "proto/role/keyfile.h"
#include "replicator/driver/loop.h"
#include "replicator/enrol/join.h"
#include "store/db/state.h"
#include "tests/unit/fixture.h"

#define MAP ((size_t)1 << 30)
#define PATIENCE_MS 12000

struct cell {
	char name[16], dir[64], listen[64];
	uint32_t role;
	struct replicator_key key;
	struct keyd_key keyd_key;
	pid_t pid;
	int control, admin, keyd, prober;
	uint64_t tag;
	bool deaf_keyd;
};

static struct cell p1, b1, t1;
static uint8_t cluster[16];

static int free_port(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void path_of(const struct cell *c, const char *file, char out[160])
{
	snprintf(out, 160, "%s/%s", c->dir, file);
}

static void cell_new(struct cell *c, const char *name, uint32_t role)
{
	char path[160];

	*c = (struct cell){ .role = role, .control = -1, .admin = -1, .keyd = -1, .prober = -1 };
	snprintf(c->name, sizeof(c->name), "%s", name);
	assert_non_null(fx_mkdir(c->dir));
	if (role != ROLE_TRAFFIC)
		snprintf(c->listen, sizeof(c->listen), "127.0.0.1:%d", free_port());
	replicator_key_make(&c->key);
	keyd_key_make(&c->keyd_key);
	path_of(c, "replicator.key", path);
	assert_int_equal(replicator_key_write(path, &c->key), CS_OK);
	path_of(c, "keyd.key", path);
	assert_int_equal(keyd_key_write(path, &c->keyd_key), CS_OK);
}

static struct cs_bytes encoded(const struct wire_type *type, const void *body, struct cs_buf *buf)
{
	*buf = cs_buf_new(CS_OBJECT_MAX);
	assert_int_equal(wire_encode(type, body, buf), CS_OK);
	return cs_buf_view(buf);
}

/* As `certspan init` does. */
static void init_primary(struct cell *c)
{
	CS_AUTO(state_close) struct state *state = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(4096);
	struct cs_buf node_buf;
	uint8_t digest_key[32], history[16], signature[64];
	char path[160];
	struct state_position at;
	const struct wire_position nothing = { .seq = 0 };
	struct wire_reign reign = { .epoch = 1,
		.history = { history, 16 },
		.leader = c->name,
		.first_seq = 1,
		.parent = &nothing };

	randombytes_buf(cluster, 16);
	randombytes_buf(digest_key, 32);
	randombytes_buf(history, 16);
	path_of(c, "state", path);
	assert_int_equal(mkdir(path, 0750), 0);
	assert_int_equal(state_create(path, MAP, cluster, digest_key, c->name, &state), CS_OK);
	assert_int_equal(wire_encode(&wire_reign_type, &reign, &text), CS_OK);
	crypto_sign_detached(signature, NULL, text.p, text.n, c->key.sign_secret);
	reign.signature = (struct cs_bytes){ signature, 64 };
	assert_int_equal(state_begin_reign(state, &reign), CS_OK);
	const struct wire_node node = { .name = c->name,
		.role = ROLE_PRIMARY,
		.public_host = "p1.example.com",
		.internal = c->listen,
		.curve_key = { c->key.curve_public, 32 },
		.sign_key = { c->key.sign_public, 32 },
		.seal_key = { c->keyd_key.seal_public, 32 },
		.enrolled_at = (uint64_t)cs_clock_wall_s() };
	const struct state_change change = { .kind = OBJECT_NODE,
		.id = c->name,
		.payload = encoded(&wire_node_type, &node, &node_buf) };
	const struct state_write write = {
		.changes = &change, .count = 1, .epoch = 1, .at_ms = 1, .actor = "init"
	};
	assert_int_equal(state_commit(state, &write, 1, &at), CS_OK);
	cs_buf_free(&node_buf);
}

static int hand_over(struct cell *c, const char *what)
{
	int ends[2];

	assert_int_equal(channel_pair(ends), CS_OK);
	const struct wire_fd fd = { .what = what };
	assert_int_equal(channel_send(c->control, PACKET_fd, &fd, ends[1]), CS_OK);
	close(ends[1]);
	return ends[0];
}

static void child(struct cell *c, int control)
{
	struct role role = { .control = control };
	struct wire_start *start = calloc(1, sizeof(*start));
	struct wire_config *config = calloc(1, sizeof(*config));

	for (int fd = 3; fd < 64; fd++)
		if (fd != control)
			close(fd);
	*config = (struct wire_config){ .name = c->name,
		.state_dir = c->dir,
		.runtime_dir = c->dir,
		.upstream = "",
		.workers = 1,
		.replication_listen = c->listen,
		.log_level = getenv("CHATTY") != NULL ? 7 : 3,
		.map_size = MAP,
		.probe_interval_s = 60,
		.config_file = "" };
	*start = (struct wire_start){ .role = "replicator", .config = config };
	role.config = config;
	cs_log_setup("replicator", c->name, CS_LOG_TEXT, (enum cs_log_level)config->log_level);
	_exit(replicator_run(&role));
}

static void start(struct cell *c)
{
	int ends[2];

	assert_int_equal(channel_pair(ends), CS_OK);
	c->pid = fork();
	if (c->pid == 0)
		child(c, ends[1]);
	close(ends[1]);
	c->control = ends[0];
	c->admin = hand_over(c, "admin");
	c->keyd = hand_over(c, "keyd");
	c->prober = hand_over(c, "prober");
}

static void close_all(struct cell *c)
{
	close(c->control);
	close(c->admin);
	close(c->keyd);
	close(c->prober);
	c->pid = 0;
}

static void kill_it(struct cell *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close_all(c);
}

static int stop_it(struct cell *c)
{
	int status = 0;

	assert_int_equal(
	        channel_send(c->control, PACKET_stop, &(struct wire_stop){ .drain_ms = 1000 }, -1),
	        CS_OK);
	waitpid(c->pid, &status, 0);
	close_all(c);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* keyd: opens everything, seals a made-up secret; prober: all matches. */
static void play(struct cell *c)
{
	struct wire_packet p;

	while (c->keyd >= 0 && c->pid != 0 && channel_receive(c->keyd, &p, NULL) == CS_OK) {
		if (p.id == PACKET_reseal) {
			const struct wire_reseal *r = p.body;
			const struct wire_secret secret = {
				.epoch = 1, .node = r->node, .box = { (const uint8_t *)"sealed", 6 }
			};
			const struct wire_resealed done = {
				.tag = r->tag, .error = "", .secrets = { &secret, 1 }
			};
			assert_int_equal(channel_send(c->keyd, PACKET_resealed, &done, -1), CS_OK);
		}
		if (p.id == PACKET_open && !c->deaf_keyd) {
			const struct wire_open *o = p.body;
			for (size_t i = 0; i < o->bundles.n; i++) {
				const struct wire_opened done = { .bundle = o->bundles.v[i],
					.error = "",
					.wrapped = { (const uint8_t *)"w", 1 } };
				assert_int_equal(
				        channel_send(c->keyd, PACKET_opened, &done, -1), CS_OK);
			}
		}
		wire_packet_free(&p);
	}
}

static void play_all(void)
{
	struct cell *const all[] = { &p1, &b1, &t1 };

	for (size_t i = 0; i < 3; i++)
		if (all[i]->pid != 0)
			play(all[i]);
}

/* Waits for the answer with the newest tag. */
static void ask(struct cell *c, unsigned id, void *body, struct wire_packet *out)
{
	const int64_t end = cs_clock_mono_ms() + PATIENCE_MS;

	*(uint64_t *)body = ++c->tag;
	assert_int_equal(channel_send(c->admin, id, body, -1), CS_OK);
	while (cs_clock_mono_ms() < end) {
		struct pollfd f = { c->admin, POLLIN, 0 };
		play_all();
		poll(&f, 1, 5);
		const enum cs_err rc = channel_receive(c->admin, out, NULL);
		if (rc == CS_OK && *(const uint64_t *)out->body == c->tag)
			return;
		wire_packet_free(out);
		assert_true(rc == CS_OK || rc == CS_EAGAIN);
	}
	fail_msg("%s does not answer", c->name);
}

struct told {
	char error[32], reason[256], primary[32];
	uint64_t seq;
};

static struct told outcome(struct cell *c, unsigned id, void *body)
{
	struct wire_packet p;
	struct told out;

	ask(c, id, body, &p);
	assert_int_equal(p.id, PACKET_outcome);
	const struct wire_outcome *o = p.body;
	out.seq = o->seq;
	snprintf(out.error, sizeof(out.error), "%s", o->error);
	snprintf(out.reason, sizeof(out.reason), "%.255s", o->reason);
	snprintf(out.primary, sizeof(out.primary), "%.31s", o->primary);
	wire_packet_free(&p);
	return out;
}

static struct told write_setting(struct cell *c, const char *id, const char *value, uint32_t ack)
{
	struct cs_buf buf;
	const struct wire_setting s = { .value = value };
	const struct wire_change change = {
		.kind = OBJECT_SETTING, .id = id, .payload = encoded(&wire_setting_type, &s, &buf)
	};
	struct wire_write w = { .changes = { &change, 1 }, .ack = ack, .actor = "test" };
	const struct told out = outcome(c, PACKET_write, &w);

	cs_buf_free(&buf);
	return out;
}

struct seen {
	uint64_t seq, released, stored, epoch;
	uint32_t role;
	bool connected, in_sync_set;
	uint8_t digest[32];
};

static struct seen look(struct cell *c, const char *member)
{
	struct wire_ask_facts q = { 0 };
	struct wire_packet p;
	struct seen out = { 0 };

	ask(c, PACKET_ask_facts, &q, &p);
	assert_int_equal(p.id, PACKET_facts);
	const struct wire_facts *f = p.body;
	out.seq = f->position->seq;
	out.role = f->role;
	out.epoch = f->epoch;
	out.connected = f->upstream_connected;
	memcpy(out.digest, f->digest.p, 32);
	out.released = f->summary != NULL ? f->summary->released : 0;
	for (size_t i = 0; member != NULL && f->summary != NULL && i < f->summary->members.n; i++) {
		const struct wire_member *m = &f->summary->members.v[i];
		if (strcmp(m->name, member) != 0)
			continue;
		out.stored = m->stored;
		out.connected = m->connected;
		out.in_sync_set = m->in_sync_set;
	}
	wire_packet_free(&p);
	return out;
}

/* Until MEMBER holds all that the primary has (and a backup is in the sync set). */
static bool in_sync(const struct cell *member)
{
	const int64_t begin = cs_clock_mono_ms();

	while (cs_clock_mono_ms() - begin < PATIENCE_MS) {
		const struct seen s = look(&p1, member->name);
		if (s.connected && s.stored == s.seq &&
		        (member->role != ROLE_BACKUP || s.in_sync_set)) {
			print_message("%s in sync after %d ms\n", member->name,
			        (int)(cs_clock_mono_ms() - begin));
			return true;
		}
		poll(NULL, 0, 20);
	}
	return false;
}

static void add_node(struct cell *c)
{
	struct cs_buf buf;
	const struct wire_node n = { .name = c->name,
		.role = c->role,
		.public_host = "x.example.com",
		.internal = c->listen };
	const struct wire_change change = {
		.kind = OBJECT_NODE, .id = c->name, .payload = encoded(&wire_node_type, &n, &buf)
	};
	struct wire_write w = { .changes = { &change, 1 }, .ack = ACK_LOCAL, .actor = "test" };

	assert_string_equal(outcome(&p1, PACKET_write, &w).error, "");
	cs_buf_free(&buf);
}

struct token {
	uint8_t id[8], secret[16];
};

static struct token add_token(const struct cell *c)
{
	struct token t;

	randombytes_buf(&t, sizeof(t));
	struct wire_token_add add = { .token = { t.id, 8 },
		.secret = { t.secret, 16 },
		.name = c->name,
		.role = c->role,
		.expires_at = (uint64_t)cs_clock_wall_s() + 3600 };
	assert_string_equal(outcome(&p1, PACKET_token_add, &add).error, "");
	return t;
}

static void join_child(const struct cell *c, const struct token *t, int out)
{
	char hex[80], role[16], text[512] = "";
	int in[2];

	snprintf(role, sizeof(role), "%s", node_role_name(c->role));
	cs_hex(p1.key.curve_public, 32, hex);
	size_t n = (size_t)snprintf(text, sizeof(text), "server-key %s\n", hex);
	cs_hex(t->id, 8, hex);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "token-id %s\n", hex);
	cs_hex(t->secret, 16, hex);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "secret %s\n", hex);
	cs_hex(cluster, 16, hex);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "cluster %s\n", hex);
	if (pipe(in) != 0 || write(in[1], text, n) != (ssize_t)n)
		_exit(99);
	close(in[1]);
	dup2(in[0], 0);
	dup2(out, 1);
	char *argv[] = { (char *)"enrol", (char *)"--state-dir", (char *)(uintptr_t)c->dir,
		(char *)"--name", (char *)(uintptr_t)c->name, (char *)"--role", role,
		(char *)"--endpoint", p1.listen, NULL };
	const int code = join_main(9, argv);
	fflush(stdout);
	_exit(code);
}

/* The exit code; what it printed into SAID. */
static int join(const struct cell *c, const struct token *t, char said[512])
{
	int out[2], status = 0;
	size_t n = 0;

	assert_int_equal(pipe(out), 0);
	const pid_t pid = fork();
	if (pid == 0)
		join_child(c, t, out[1]);
	close(out[1]);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		play_all();
		poll(NULL, 0, 5);
	}
	const ssize_t got = read(out[0], said, 511);
	n = got > 0 ? (size_t)got : 0;
	said[n] = '\0';
	close(out[0]);
	return WEXITSTATUS(status);
}

static void join_and_start(struct cell *c)
{
	char said[512];

	add_node(c);
	const struct token t = add_token(c);
	assert_int_equal(join(c, &t, said), 0);
	assert_string_equal(said, "{\"ok\":true,\"primary\":\"p1\"}\n");
	start(c);
}

static void a_primary_alone_writes(void **state)
{
	(void)state;
	cell_new(&p1, "p1", ROLE_PRIMARY);
	init_primary(&p1);
	start(&p1);
	const struct told t = write_setting(&p1, "site.hostname", "access.example.com", ACK_LOCAL);
	assert_string_equal(t.error, "");
	assert_int_equal(t.seq, 2);
	const struct told b = write_setting(&p1, "x", "y", ACK_BACKUP);
	assert_string_equal(b.error, "CS_EPENDING");
	assert_int_equal(look(&p1, NULL).role, ROLE_PRIMARY);
	assert_int_equal(look(&p1, NULL).released, 3);
}

static void a_write_on_an_old_head_is_refused(void **state)
{
	struct cs_buf buf;
	const struct wire_setting s = { .value = "v" };
	const struct wire_change change = {
		.kind = OBJECT_SETTING, .id = "z", .payload = encoded(&wire_setting_type, &s, &buf)
	};
	struct wire_write w = {
		.changes = { &change, 1 }, .ack = ACK_LOCAL, .actor = "test", .expect_seq = 1
	};

	(void)state;
	assert_string_equal(outcome(&p1, PACKET_write, &w).error, "CS_ECONFLICT");
	cs_buf_free(&buf);
}

static void a_request_is_carried_out_once(void **state)
{
	struct cs_buf buf;
	const struct wire_setting s = { .value = "v" };
	const struct wire_change change = { .kind = OBJECT_SETTING,
		.id = "once",
		.payload = encoded(&wire_setting_type, &s, &buf) };
	struct wire_write w = { .changes = { &change, 1 },
		.ack = ACK_LOCAL,
		.actor = "test",
		.request = { (const uint8_t *)"0123456789abcdef", 16 } };

	(void)state;
	const struct told first = outcome(&p1, PACKET_write, &w),
	                  again = outcome(&p1, PACKET_write, &w);
	assert_string_equal(again.error, "");
	assert_int_equal(first.seq, again.seq);
	cs_buf_free(&buf);
}

static void a_backup_joins_and_enters_the_sync_set(void **state)
{
	(void)state;
	cell_new(&b1, "b1", ROLE_BACKUP);
	join_and_start(&b1);
	assert_true(in_sync(&b1));
	const struct told t = write_setting(&p1, "a", "1", ACK_BACKUP);
	assert_string_equal(t.error, "");
	const struct seen p = look(&p1, "b1"), b = look(&b1, NULL);
	assert_int_equal(p.seq, b.seq);
	assert_memory_equal(p.digest, b.digest, 32);
}

static void a_token_serves_its_own_keys_only(void **state)
{
	struct cell c, other;
	char said[512];

	(void)state;
	cell_new(&c, "t9", ROLE_TRAFFIC);
	cell_new(&other, "t9", ROLE_TRAFFIC);
	add_node(&c);
	const struct token t = add_token(&c), keeps_open = add_token(&c);
	(void)keeps_open;
	assert_int_equal(join(&c, &t, said), 0);
	assert_int_equal(join(&other, &t, said), cs_err_exit(CS_EDENIED));
	assert_non_null(strstr(said, "used by other keys"));
	struct token wrong = t;
	wrong.secret[0] ^= 1;
	assert_int_equal(join(&other, &wrong, said), cs_err_exit(CS_EDENIED));
	char path[160];
	path_of(&c, "state/data.mdb", path);
	unlink(path);
	path_of(&c, "state/lock.mdb", path);
	unlink(path);
	assert_int_equal(
	        join(&c, &t, said), 0); /* the same keys again: the answer may have been lost */
	fx_rmdir(c.dir);
	fx_rmdir(other.dir);
}

static void a_traffic_node_follows_released_state(void **state)
{
	(void)state;
	cell_new(&t1, "t1", ROLE_TRAFFIC);
	join_and_start(&t1);
	assert_true(in_sync(&t1));
	for (int i = 0; i < 20; i++) {
		char value[16];
		snprintf(value, sizeof(value), "%d", i);
		assert_string_equal(write_setting(&p1, "many", value, ACK_BACKUP).error, "");
	}
	assert_true(in_sync(&t1));
	const struct seen p = look(&p1, "t1"), t = look(&t1, NULL);
	assert_int_equal(p.seq, t.seq);
	assert_memory_equal(p.digest, t.digest, 32);
}

static void a_follower_refuses_writes_and_names_the_primary(void **state)
{
	(void)state;
	const struct told t = write_setting(&t1, "x", "y", ACK_LOCAL);
	assert_string_equal(t.error, "CS_ENOTPRIMARY");
	assert_string_equal(t.primary, "p1");
}

static void a_killed_primary_comes_back_in_sync(void **state)
{
	(void)state;
	kill_it(&p1);
	poll(NULL, 0, 300);
	assert_int_equal(look(&t1, NULL).role, ROLE_TRAFFIC);
	start(&p1);
	assert_true(in_sync(&b1));
	assert_true(in_sync(&t1));
	assert_string_equal(write_setting(&p1, "back", "1", ACK_BACKUP).error, "");
}

static void a_killed_backup_leaves_the_sync_set_and_returns(void **state)
{
	(void)state;
	kill_it(&b1);
	const int64_t begin = cs_clock_mono_ms();
	const struct told t = write_setting(&p1, "without", "b1", ACK_BACKUP);
	assert_string_equal(t.error, "CS_EPENDING");
	assert_in_range(cs_clock_mono_ms() - begin, 0, 7000);
	assert_true(in_sync(&t1)); /* released without it */
	start(&b1);
	assert_true(in_sync(&b1));
	assert_string_equal(write_setting(&p1, "with", "b1", ACK_BACKUP).error, "");
}

static void followers_restart_without_the_primary(void **state)
{
	(void)state;
	assert_true(in_sync(&t1));
	kill_it(&p1);
	kill_it(&t1);
	const uint64_t seq = look(&b1, NULL).seq;
	start(&t1);
	assert_int_equal(look(&t1, NULL).seq, seq);
	start(&p1);
	assert_true(in_sync(&t1));
	assert_true(in_sync(&b1));
}

static void a_large_change_flows_within_the_credit(void **state)
{
	static uint8_t big[60000];

	(void)state;
	randombytes_buf(big, sizeof(big));
	for (int i = 0; i < 30; i++) {
		char id[32];
		struct cs_buf buf;
		const struct wire_bundle b = { .version = 1,
			.secret_epoch = 1,
			.leaf = { big, 100 },
			.sealed = { big, sizeof(big) } };
		snprintf(id, sizeof(id), "%016d", i);
		const struct wire_change change = { .kind = OBJECT_BUNDLE,
			.id = id,
			.payload = encoded(&wire_bundle_type, &b, &buf) };
		struct wire_write w = { .changes = { &change, 1 },
			.ack = i % 10 == 9 ? ACK_BACKUP : ACK_LOCAL,
			.actor = "test" };
		assert_string_equal(outcome(&p1, PACKET_write, &w).error, "");
		cs_buf_free(&buf);
	}
	assert_true(in_sync(&t1));
	assert_true(in_sync(&b1));
}

static void admin_never_sees_sealed_bundles(void **state)
{
	uint64_t at = 0;
	size_t bundles = 0;
	bool more = true;

	(void)state;
	while (more) {
		struct wire_since q = { .seq = at };
		struct wire_packet p;
		ask(&p1, PACKET_since, &q, &p);
		assert_int_equal(p.id, PACKET_changes);
		const struct wire_changes *c = p.body;
		for (size_t i = 0; i < c->objects.n; i++)
			if (c->objects.v[i].kind == OBJECT_BUNDLE) {
				assert_true(c->objects.v[i].payload.n < 1000);
				bundles++;
			}
		at = c->to;
		more = c->more;
		wire_packet_free(&p);
	}
	assert_int_equal(bundles, 30);
	assert_int_equal(at, look(&p1, NULL).seq);
}

static void all_stop_cleanly(void **state)
{
	(void)state;
	assert_int_equal(stop_it(&t1), 0);
	assert_int_equal(stop_it(&b1), 0);
	assert_int_equal(stop_it(&p1), 0);
	fx_rmdir(t1.dir);
	fx_rmdir(b1.dir);
	fx_rmdir(p1.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_primary_alone_writes),
		cmocka_unit_test(a_write_on_an_old_head_is_refused),
		cmocka_unit_test(a_request_is_carried_out_once),
		cmocka_unit_test(a_backup_joins_and_enters_the_sync_set),
		cmocka_unit_test(a_token_serves_its_own_keys_only),
		cmocka_unit_test(a_traffic_node_follows_released_state),
		cmocka_unit_test(a_follower_refuses_writes_and_names_the_primary),
		cmocka_unit_test(a_killed_primary_comes_back_in_sync),
		cmocka_unit_test(a_killed_backup_leaves_the_sync_set_and_returns),
		cmocka_unit_test(followers_restart_without_the_primary),
		cmocka_unit_test(a_large_change_flows_within_the_credit),
		cmocka_unit_test(admin_never_sees_sealed_bundles),
		cmocka_unit_test(all_stop_cleanly),
	};

	if (sodium_init() < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
