#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sodium.h>
#include <zmq.h>
#include "proto/base/clock.h"
#include "proto/wire/control.h"
#include "replicator/net/link.h"
#include "replicator/net/zap.h"

struct pair {
	uint8_t pub[32], secret[32];
};

static struct pair pair_new(void)
{
	struct pair p;

	crypto_box_keypair(p.pub, p.secret);
	return p;
}

static struct link_keys keys(const struct pair *p)
{
	return (struct link_keys){ p->pub, p->secret };
}

struct world {
	void *context;
	struct zap *zap;
	struct server *server;
	struct pair server_keys, node_keys;
};

static void world_open(struct world *w)
{
	w->context = zmq_ctx_new();
	w->server_keys = pair_new();
	w->node_keys = pair_new();
	assert_int_equal(zap_start(w->context, &w->zap), CS_OK);
	assert_int_equal(
	        server_open(w->context, "127.0.0.1:0", keys(&w->server_keys), &w->server), CS_OK);
	struct zap_entry e = { .name = "t1" };
	memcpy(e.key, w->node_keys.pub, 32);
	assert_int_equal(zap_allow(w->zap, &e, 1), CS_OK);
}

static void world_close(struct world *w)
{
	server_close(&w->server);
	zmq_ctx_shutdown(w->context);
	zap_stop(&w->zap);
	zmq_ctx_term(w->context);
}

static bool connected(struct client *c, int64_t ms)
{
	const int64_t end = cs_clock_mono_ms() + ms;

	while (cs_clock_mono_ms() < end) {
		if (client_writable(c))
			return true;
		zmq_poll(NULL, 0, 5);
	}
	return false;
}

static enum cs_err wait_message(
        struct server *s, struct link_route *from, char *user, struct wire_packet *p)
{
	for (int i = 0; i < 400; i++) {
		const enum cs_err rc = server_receive(s, from, user, p);
		if (rc != CS_EAGAIN)
			return rc;
		zmq_poll(NULL, 0, 5);
	}
	return CS_ETIMEOUT;
}

static enum cs_err send_bye(struct client *c)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);
	const struct wire_bye bye = { .sid = 7, .reason = "test" };

	CS_TRY(wire_pack(PACKET_bye, &bye, &buf));
	return client_send(c, cs_buf_view(&buf));
}

static void a_known_key_is_named(void **state)
{
	struct world w;
	char user[CS_ID_MAX + 16];
	struct link_route from;
	struct wire_packet p;

	(void)state;
	world_open(&w);
	CS_AUTO(client_close) struct client *c = NULL;
	assert_int_equal(client_open(w.context, server_endpoint(w.server), w.server_keys.pub,
	                         keys(&w.node_keys), false, &c),
	        CS_OK);
	assert_true(connected(c, 2000));
	assert_int_equal(send_bye(c), CS_OK);
	assert_int_equal(wait_message(w.server, &from, user, &p), CS_OK);
	assert_string_equal(user, "t1");
	assert_int_equal(p.id, PACKET_bye);
	assert_int_equal(
	        server_send(w.server, &from, (struct cs_bytes){ (const uint8_t *)"\xff", 1 }),
	        CS_OK);
	wire_packet_free(&p);
	enum cs_err rc = CS_EAGAIN;
	for (int i = 0; i < 400 && rc == CS_EAGAIN; i++, zmq_poll(NULL, 0, 5))
		rc = client_receive(c, &p);
	assert_int_equal(rc, CS_EUNSUPPORTED);
	client_close(&c);
	world_close(&w);
}

static void a_stranger_is_refused(void **state)
{
	struct world w;
	const struct pair stranger = pair_new();

	(void)state;
	world_open(&w);
	CS_AUTO(client_close) struct client *c = NULL;
	assert_int_equal(client_open(w.context, server_endpoint(w.server), w.server_keys.pub,
	                         keys(&stranger), false, &c),
	        CS_OK);
	assert_false(connected(c, 300));
	assert_int_equal(client_fault(c), CLIENT_REFUSED);
	assert_true(zap_refused(w.zap) >= 1);
	client_close(&c);
	world_close(&w);
}

static void a_stranger_enters_as_enrol_while_a_token_is_open(void **state)
{
	struct world w;
	const struct pair stranger = pair_new();
	char user[CS_ID_MAX + 16];
	struct link_route from;
	struct wire_packet p;

	(void)state;
	world_open(&w);
	zap_open(w.zap, true);
	CS_AUTO(client_close) struct client *c = NULL;
	assert_int_equal(client_open(w.context, server_endpoint(w.server), w.server_keys.pub,
	                         keys(&stranger), false, &c),
	        CS_OK);
	assert_true(connected(c, 2000));
	assert_int_equal(send_bye(c), CS_OK);
	assert_int_equal(wait_message(w.server, &from, user, &p), CS_OK);
	assert_string_equal(user, ZAP_ENROL);
	wire_packet_free(&p);
	client_close(&c);
	world_close(&w);
}

static void the_probe_tells_a_shut_door_from_an_open_one(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(server_probe(w.server), CS_OK);
	zap_open(w.zap, true);
	assert_int_equal(server_probe(w.server), CS_EDENIED);
	world_close(&w);
}

static void a_port_in_use_is_told(void **state)
{
	struct world w;
	struct server *second = NULL;

	(void)state;
	world_open(&w);
	assert_int_equal(
	        server_open(w.context, server_endpoint(w.server), keys(&w.server_keys), &second),
	        CS_EUNREACHABLE);
	assert_null(second);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_key_is_named),
		cmocka_unit_test(a_stranger_is_refused),
		cmocka_unit_test(a_stranger_enters_as_enrol_while_a_token_is_open),
		cmocka_unit_test(the_probe_tells_a_shut_door_from_an_open_one),
		cmocka_unit_test(a_port_in_use_is_told),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
