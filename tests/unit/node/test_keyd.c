/* The whole of keyd over its channels, as a child process: one LMDB environment may not be open
 * twice in one. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include "node/keyd/keyd.h"
#include "node/keyd/lock.h"
#include "node/keyd/numbers.h"
#include "node/sandbox/seccomp.h"
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/role/channel.h"
#include "proto/wire/control.h"
#include "proto/wire/sign.h"
#include "store/pki/cert.h"
#include "store/pki/csr.h"
#include "store/pki/p12.h"
#include "tests/unit/fixture.h"

#define MAP_SIZE (64u << 20)
#define WAIT_MS 20000

static struct {
	char dir[64], state_dir[80];
	struct keyd_key key;
	uint8_t secret[32];
	int control, edge, replicator, import, admin;
	pid_t pid;
	struct state *state;
	struct fx_cert ec, rsa;
	char ec_id[17], rsa_id[17];
} t;

static int64_t soon(void)
{
	return cs_clock_mono_ms() + WAIT_MS;
}

/* As main does it, under the same sandbox. */
static void child(int control)
{
	struct role role = { .control = control };
	struct vault *vault = NULL;
	struct keymill *mill = NULL;
	struct keyd *keyd = NULL;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	enum cs_err rc = vault_new(t.dir, "p1", MAP_SIZE, &t.key, &vault);
	if (rc == CS_OK)
		rc = keymill_new(&mill);
	lock_memory_so_far();
	if (rc == CS_OK)
		rc = sandbox_seccomp(SANDBOX_OPENS);
	if (rc == CS_OK || rc == CS_EUNSUPPORTED)
		rc = keyd_new(&role, vault, mill, true, &keyd);
	if (rc == CS_OK)
		rc = keyd_run(keyd);
	keyd_free(&keyd);
	keymill_free(&mill);
	vault_free(&vault);
	_exit(rc == CS_OK ? 0 : 1);
}

static int hand_over(const char *what)
{
	const struct wire_fd fd = { what, 0 };
	int ends[2];

	assert_int_equal(channel_pair(ends), CS_OK);
	assert_int_equal(channel_send(t.control, PACKET_fd, &fd, ends[1]), CS_OK);
	close(ends[1]);
	return ends[0];
}

static int start(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(sodium_init() < 0, 0);
	fx_mkdir(t.dir);
	snprintf(t.state_dir, sizeof(t.state_dir), "%s/state", t.dir);
	keyd_key_make(&t.key);
	randombytes_buf(t.secret, sizeof(t.secret));
	t.ec = fx_cert((struct fx_spec){ .san = "DNS:a.example" });
	t.rsa = fx_cert((struct fx_spec){ .san = "DNS:b.example", .key = "RSA-2048" });
	assert_int_equal(channel_pair(ends), CS_OK);
	t.pid = fork();
	if (t.pid == 0) {
		close(ends[0]);
		child(ends[1]);
	}
	close(ends[1]);
	t.control = ends[0];
	t.edge = hand_over("edge");
	t.replicator = hand_over("replicator");
	t.import = hand_over("import");
	t.admin = hand_over("admin");
	return 0;
}

static int stop(void **state)
{
	int status = -1;

	(void)state;
	close(t.control);
	assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	state_close(&t.state);
	fx_rmdir(t.dir);
	return 0;
}

static void ask_seal(
        const struct fx_cert *cert, const struct fx_cert *key_of, struct wire_packet *packet)
{
	const struct wire_seal seal = {
		.tag = 7, .pkcs8 = fx_key(key_of), .leaf = fx_der(cert), .name = "a"
	};

	assert_int_equal(channel_send(t.import, PACKET_seal, &seal, -1), CS_OK);
	assert_int_equal(channel_receive_wait(t.import, soon(), packet, NULL), CS_OK);
	assert_int_equal(packet->id, PACKET_sealed);
}

static void expect_seal_error(
        const struct fx_cert *cert, const struct fx_cert *key_of, const char *error)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	ask_seal(cert, key_of, &packet);
	const struct wire_sealed *sealed = packet.body;
	assert_string_equal(sealed->error, error);
	assert_true(strlen(sealed->reason) > 10);
	assert_null(sealed->bundle);
}

static void without_a_store_it_says_locked(void **state)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	(void)state;
	assert_int_equal(channel_receive_wait(t.replicator, soon(), &packet, NULL), CS_OK);
	assert_int_equal(packet.id, PACKET_keyd_state);
	assert_false(((const struct wire_keyd_state *)packet.body)->unlocked);
	expect_seal_error(&t.ec, &t.ec, "CS_ELOCKED");
}

static void commit(const struct state_change *change)
{
	const struct state_write write = {
		.changes = change, .count = 1, .epoch = 1, .actor = "test"
	};
	struct state_position position;

	assert_int_equal(state_commit(t.state, &write, 1, &position), CS_OK);
}

static void commit_object(
        uint32_t kind, const char *id, const struct wire_type *type, const void *plain)
{
	CS_AUTO(cs_buf_free) struct cs_buf payload = cs_buf_new(CS_OBJECT_MAX);

	assert_int_equal(wire_encode(type, plain, &payload), CS_OK);
	commit(&(struct state_change){ kind, id, false, cs_buf_view(&payload) });
}

static void make_store(void)
{
	const uint8_t cluster[16] = { 1 }, digest_key[32] = { 2 }, history[16] = { 3 };
	const struct wire_position parent = { .seq = 0 };
	const struct wire_reign reign = { 1, { history, 16 }, "p1", 1, &parent, { NULL, 0 } };

	assert_int_equal(mkdir(t.state_dir, 0750), 0);
	assert_int_equal(
	        state_create(t.state_dir, MAP_SIZE, cluster, digest_key, "p1", &t.state), CS_OK);
	assert_int_equal(state_begin_reign(t.state, &reign), CS_OK);
}

static void wait_unlocked(void)
{
	for (;;) {
		CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
		assert_int_equal(channel_receive_wait(t.replicator, soon(), &packet, NULL), CS_OK);
		assert_int_equal(packet.id, PACKET_keyd_state);
		const struct wire_keyd_state *s = packet.body;
		if (s->unlocked) {
			assert_int_equal(s->secret_epoch, 1);
			return;
		}
	}
}

static void store_and_secret_may_come_late(void **state)
{
	uint8_t box[32 + crypto_box_SEALBYTES];
	const struct wire_secret secret = { 1, "p1", { box, sizeof(box) } };

	(void)state;
	make_store();
	assert_int_equal(crypto_box_seal(box, t.secret, 32, t.key.seal_public), 0);
	commit_object(OBJECT_SECRET, "1.p1", &wire_secret_type, &secret);
	wait_unlocked();
}

static void seal_and_store(const struct fx_cert *cert, char id[17])
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	CS_AUTO(p12_content_free) struct p12_content content = { 0 };
	char passphrase[44];

	ask_seal(cert, cert, &packet);
	const struct wire_sealed *sealed = packet.body;
	assert_string_equal(sealed->error, "");
	assert_int_equal(sealed->tag, 7);
	assert_int_equal(strlen(sealed->id), 16);
	assert_non_null(sealed->bundle);
	assert_int_equal(sealed->bundle->secret_epoch, 1);
	memcpy(id, sealed->id, 17);
	assert_int_equal(p12_bundle_passphrase(t.secret, id, 1, passphrase), CS_OK);
	assert_int_equal(p12_open(sealed->bundle->sealed, passphrase, false, &content), CS_OK);
	assert_int_equal(content.key_count, 1);
	commit_object(OBJECT_BUNDLE, id, &wire_bundle_type, sealed->bundle);
}

static void uploads_are_sealed(void **state)
{
	const struct fx_cert other = fx_cert((struct fx_spec){ 0 }),
	                     ed = fx_cert((struct fx_spec){ .key = "ED25519" });

	(void)state;
	seal_and_store(&t.ec, t.ec_id);
	seal_and_store(&t.rsa, t.rsa_id);
	expect_seal_error(&t.ec, &other, "CS_EMISMATCH");
	expect_seal_error(&ed, &ed, "CS_EUNSUPPORTED");
}

static struct wire_mint mint_for(const char *const *dns)
{
	return (struct wire_mint){ .tag = 9,
		.key = "P-256",
		.same_key = "",
		.name = "n",
		.country = "US",
		.state = "",
		.locality = "",
		.organization = "",
		.unit = "",
		.common_name = "a title",
		.dns = { dns, 1 } };
}

static const struct wire_minted *ask_mint(const struct wire_mint *mint, struct wire_packet *packet)
{
	assert_int_equal(channel_send(t.admin, PACKET_mint, mint, -1), CS_OK);
	assert_int_equal(channel_receive_wait(t.admin, soon(), packet, NULL), CS_OK);
	assert_int_equal(packet->id, PACKET_minted);
	const struct wire_minted *minted = packet->body;
	assert_int_equal(minted->tag, 9);
	return minted;
}

/* The request's own public key under a certificate, as a CA would return it. */
static void expect_reply_to_be_sealed(const struct wire_minted *minted, const char *const *dns)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	CS_AUTO(p12_content_free) struct p12_content content = { 0 };
	CS_AUTO(cs_buf_free) struct cs_buf leaf = cs_buf_new(CS_DER_MAX);
	const struct pki_fields fields = { { "", "", "", "", "", "" }, dns, 1, NULL, 0 };
	char passphrase[44];

	assert_int_equal(p12_bundle_passphrase(t.secret, minted->id, 1, passphrase), CS_OK);
	assert_int_equal(p12_open(minted->request->sealed, passphrase, false, &content), CS_OK);
	const uint8_t *p = content.keys[0].p;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)content.keys[0].n);
	assert_int_equal(pki_selfsigned_make(&fields, key, 1000, 2000, &leaf), CS_OK);
	EVP_PKEY_free(key);
	const struct wire_seal seal = { .tag = 7, .leaf = cs_buf_view(&leaf), .name = "a" };
	assert_int_equal(channel_send(t.import, PACKET_seal, &seal, -1), CS_OK);
	assert_int_equal(channel_receive_wait(t.import, soon(), &packet, NULL), CS_OK);
	const struct wire_sealed *sealed = packet.body;
	assert_string_equal(sealed->error, "");
	assert_string_equal(sealed->csr, minted->id);
	assert_non_null(sealed->bundle);
}

static void a_request_waits_for_its_reply(void **state)
{
	static const char *const dns[] = { "*.example.com" };
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	CS_AUTO(pki_csr_free) struct pki_csr csr = { .subject = "" };
	const struct wire_mint mint = mint_for(dns);

	(void)state;
	const struct wire_minted *minted = ask_mint(&mint, &packet);
	assert_string_equal(minted->error, "");
	assert_non_null(minted->request);
	assert_int_equal(pki_csr_read(minted->request->csr, &csr), CS_OK);
	assert_string_equal(csr.fingerprint, minted->id);
	assert_string_equal(csr.subject, "CN=a title,C=US");
	assert_string_equal(csr.dns[0], dns[0]);
	commit_object(OBJECT_REQUEST, minted->id, &wire_request_type, minted->request);
	expect_reply_to_be_sealed(minted, dns);
}

static void a_self_signed_certificate_is_a_bundle(void **state)
{
	static const char *const dns[] = { "a.example.com" };
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = NULL;
	struct wire_mint mint = mint_for(dns);

	(void)state;
	mint.self_signed = true;
	mint.key = "RSA-2048";
	mint.not_before = 1700000000;
	mint.not_after = 1700086400;
	const struct wire_minted *minted = ask_mint(&mint, &packet);
	assert_string_equal(minted->error, "");
	assert_non_null(minted->bundle);
	assert_int_equal(pki_cert_read(minted->bundle->leaf, &leaf), CS_OK);
	assert_true(leaf->self_signed && !leaf->is_ca && leaf->server_auth);
	assert_int_equal(leaf->key_bits, 2048);
	assert_int_equal(leaf->not_after, 1700086400);
	assert_int_equal(strncmp(leaf->subject, "CN=a title", 10), 0);
}

static void the_key_of_a_certificate_can_be_kept(void **state)
{
	static const char *const dns[] = { "a.example" };
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = NULL;
	struct wire_mint mint = mint_for(dns);

	(void)state;
	mint.key = "";
	mint.same_key = t.rsa_id;
	const struct wire_minted *minted = ask_mint(&mint, &packet);
	assert_string_equal(minted->error, "");
	assert_int_equal(pki_cert_read(fx_der(&t.rsa), &leaf), CS_OK);
	assert_memory_equal(minted->request->spki_sha256.p, leaf->spki_sha256, 32);
}

static void only_good_fields_are_signed(void **state)
{
	static const char *const good[] = { "a.example" }, *const bad[] = { "a b" };
	struct wire_mint table[5];

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++)
		table[i] = mint_for(good);
	table[0].dns.v = bad;
	table[1].country = "USA";
	table[2].key = "Ed25519";
	table[3].same_key = "0000000000000000";
	table[4].self_signed = true; /* that ends before it begins */
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
		const struct wire_minted *minted = ask_mint(&table[i], &packet);
		assert_true(minted->error[0] != '\0' && strlen(minted->reason) > 10);
		assert_null(minted->request);
		assert_null(minted->bundle);
	}
}

static void next_opened(struct wire_packet *packet)
{
	for (;;) {
		assert_int_equal(channel_receive_wait(t.replicator, soon(), packet, NULL), CS_OK);
		if (packet->id == PACKET_opened)
			return;
		wire_packet_free(packet);
	}
}

static void bundles_are_opened_ahead(void **state)
{
	const char *const ids[] = { t.ec_id, t.rsa_id };
	const struct wire_open request = { { ids, 2 } };

	(void)state;
	assert_int_equal(channel_send(t.replicator, PACKET_open, &request, -1), CS_OK);
	for (size_t i = 0; i < 2; i++) {
		CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
		CS_AUTO(signkey_free) struct signkey *key = NULL;
		next_opened(&packet);
		const struct wire_opened *opened = packet.body;
		assert_string_equal(opened->error, "");
		const bool ec = strcmp(opened->bundle, t.ec_id) == 0;
		assert_int_equal(
		        numbers_unwrap(opened->wrapped, t.key.wrap, opened->bundle, &key), CS_OK);
		assert_int_equal(signkey_prove(key, fx_der(ec ? &t.ec : &t.rsa)), CS_OK);
		if (!ec) /* the EC key will have to come out of its sealed bundle */
			assert_int_equal(state_local_put(t.state, LOCAL_KEYS, opened->bundle,
			                         opened->wrapped),
			        CS_OK);
	}
}

static void put_text(struct sign_request *request)
{
	memset(request->text, ' ', 64);
	memcpy(request->text + 64, "TLS 1.3, server CertificateVerify", 34);
	memset(request->text + 98, 0x77, 32);
	request->text_len = 130;
}

static struct sign_request request_for(const char *id, uint16_t scheme)
{
	struct sign_request request = { .tag = 42, .scheme = scheme, .tls13 = 1 };

	snprintf(request.key, sizeof(request.key), "%s", id);
	put_text(&request);
	return request;
}

/* Sends N requests in one packet and takes N replies, however they are packed. */
static void exchange(const struct sign_request *requests, size_t n, struct sign_reply *replies)
{
	static uint8_t packet[SIGN_PACKET_MAX];
	size_t len = 0, got = 0;

	for (size_t i = 0; i < n; i++)
		assert_true((len = sign_request_put(packet, len, &requests[i])) > 0);
	assert_int_equal(send(t.edge, packet, len, 0), len);
	while (got < n) {
		const ssize_t r = recv(t.edge, packet, sizeof(packet), 0);
		if (r < 0) {
			usleep(200);
			continue;
		}
		struct cs_bytes left = { packet, (size_t)r };
		while (got < n && sign_reply_take(&left, &replies[got]) == CS_OK)
			got++;
	}
}

static struct sign_reply ask(struct sign_request request)
{
	struct sign_reply reply;

	exchange(&request, 1, &reply);
	assert_int_equal(reply.tag, request.tag);
	return reply;
}

static bool verifies(const struct fx_cert *cert, const struct sign_request *request,
        const struct sign_reply *reply, bool pss)
{
	const uint8_t *p = cert->der;
	X509 *x = d2i_X509(NULL, &p, (long)cert->der_len);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;

	bool ok = EVP_DigestVerifyInit(ctx, &pctx, EVP_sha256(), NULL, X509_get0_pubkey(x)) == 1;
	if (pss) {
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
	}
	ok = ok && EVP_DigestVerify(ctx, reply->signature, reply->signature_len, request->text,
	                   request->text_len) == 1;
	EVP_MD_CTX_free(ctx);
	X509_free(x);
	return ok;
}

static void handshakes_are_signed(void **state)
{
	const struct sign_request ec = request_for(t.ec_id, 0x0403),
	                          rsa = request_for(t.rsa_id, 0x0804);
	const struct sign_reply from_ec = ask(ec), from_rsa = ask(rsa);

	(void)state;
	assert_int_equal(from_ec.err, CS_OK);
	assert_true(verifies(&t.ec, &ec, &from_ec, false));
	assert_int_equal(from_rsa.err, CS_OK);
	assert_true(verifies(&t.rsa, &rsa, &from_rsa, true));
}

static void many_in_one_packet(void **state)
{
	static struct sign_request requests[300];
	static struct sign_reply replies[300];

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		requests[i] = request_for(t.rsa_id, 0x0804);
		requests[i].tag = i;
	}
	exchange(requests, 300, replies);
	for (uint32_t i = 0; i < 300; i++) {
		assert_int_equal(replies[i].tag, i);
		assert_int_equal(replies[i].err, CS_OK);
		assert_int_equal(replies[i].signature_len, 256);
	}
}

static void everything_else_is_refused(void **state)
{
	struct sign_request request = request_for(t.ec_id, 0x0403);

	(void)state;
	request.text[64] = 'X';
	assert_int_equal(ask(request).err, CS_EREFUSED);
	request = request_for(t.ec_id, 0x0804);
	assert_int_equal(ask(request).err, CS_EREFUSED);
	request = request_for(t.ec_id, 0x0403);
	request.text_len = 20;
	assert_int_equal(ask(request).err, CS_EREFUSED);
	request.text_len = 0;
	assert_int_equal(ask(request).err, CS_EREFUSED);
	assert_int_equal(ask(request_for("ffffffffffffffff", 0x0403)).err, CS_ENOTFOUND);
	assert_int_equal(ask(request_for("", 0x0403)).err != CS_OK, 1);
}

static void a_malformed_packet_costs_nobody_else(void **state)
{
	uint8_t noise[100];

	(void)state;
	memset(noise, 0xff, sizeof(noise));
	assert_int_equal(send(t.edge, noise, sizeof(noise), 0), sizeof(noise));
	assert_int_equal(ask(request_for(t.ec_id, 0x0403)).err, CS_OK);
}

static void a_key_can_be_warmed(void **state)
{
	struct sign_request request = request_for(t.rsa_id, 0);

	(void)state;
	request.flags = SIGN_WARM;
	request.text_len = 0;
	const struct sign_reply reply = ask(request);
	assert_int_equal(reply.err, CS_OK);
	assert_int_equal(reply.signature_len, 0);
}

static void secrets_are_resealed_to_a_node(void **state)
{
	uint8_t pk[32], sk[32], opened[32];

	(void)state;
	crypto_box_keypair(pk, sk);
	const struct wire_reseal request = { 9, "b1", { pk, 32 } };
	assert_int_equal(channel_send(t.replicator, PACKET_reseal, &request, -1), CS_OK);
	for (;;) {
		CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
		assert_int_equal(channel_receive_wait(t.replicator, soon(), &packet, NULL), CS_OK);
		if (packet.id != PACKET_resealed)
			continue;
		const struct wire_resealed *reply = packet.body;
		assert_int_equal(reply->tag, 9);
		assert_int_equal(reply->secrets.n, 1);
		assert_string_equal(reply->secrets.v[0].node, "b1");
		const struct cs_bytes box = reply->secrets.v[0].box;
		assert_int_equal(crypto_box_seal_open(opened, box.p, box.n, pk, sk), 0);
		assert_memory_equal(opened, t.secret, 32);
		return;
	}
}

static void expect_take_out(const char *record, const char *error, bool key, size_t secrets)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	const struct wire_take_out take = { 3, record };

	assert_int_equal(channel_send(t.import, PACKET_take_out, &take, -1), CS_OK);
	assert_int_equal(channel_receive_wait(t.import, soon(), &packet, NULL), CS_OK);
	assert_int_equal(packet.id, PACKET_taken_out);
	const struct wire_taken_out *out = packet.body;
	assert_string_equal(out->error, error);
	assert_int_equal(out->tag, 3);
	assert_int_equal(out->pkcs8.n > 0, key);
	assert_int_equal(out->secrets.n, secrets);
	assert_true(!key || cs_bytes_equal(out->pkcs8, fx_key(&t.ec)));
	assert_true(secrets == 0 || memcmp(out->secrets.v[0].secret.p, t.secret, 32) == 0);
}

static void record(const char *id, int64_t age_s, const char *node, const char *bundle)
{
	const struct wire_export body = { .at = (uint64_t)(cs_clock_wall_s() - age_s),
		.actor = "uid:0",
		.node = node,
		.bundle = bundle,
		.name = "",
		.format = "p8",
		.include = "key",
		.protection = "pbes2" };

	commit_object(OBJECT_EXPORT, id, &wire_export_type, &body);
}

static void what_leaves_has_a_record_of_now_and_leaves_once(void **state)
{
	(void)state;
	expect_take_out("e0", "CS_ENOTFOUND", false, 0);
	record("e1", 0, "p1", t.ec_id);
	expect_take_out("e1", "", true, 0);
	expect_take_out("e1", "CS_EDENIED", false, 0);
	record("e2", 600, "p1", t.ec_id);
	expect_take_out("e2", "CS_EDENIED", false, 0);
	record("e3", 0, "b1", t.ec_id);
	expect_take_out("e3", "CS_EDENIED", false, 0);
	record("e4", 0, "p1", "");
	expect_take_out("e4", "", false, 1);
}

static void expect_order(
        const char *verb, uint8_t cluster, const uint8_t *secret, const char *error)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	const uint8_t id[16] = { cluster };
	const struct wire_open_secret one = { 1, { secret, 32 } };
	struct wire_key_order order = { .tag = 4, .verb = verb, .cluster = { id, 16 } };

	order.secrets.v = &one;
	order.secrets.n = secret != NULL;
	assert_int_equal(channel_send(t.import, PACKET_key_order, &order, -1), CS_OK);
	assert_int_equal(channel_receive_wait(t.import, soon(), &packet, NULL), CS_OK);
	assert_int_equal(packet.id, PACKET_key_done);
	assert_string_equal(((const struct wire_key_done *)packet.body)->error, error);
}

static void a_lock_opens_by_this_clusters_secret_alone(void **state)
{
	const uint8_t wrong[32] = { 9 };

	(void)state;
	expect_order("check", 1, t.secret, "");
	expect_order("check", 1, wrong, "CS_EMISMATCH");
	expect_order("check", 2, t.secret, "CS_EMISMATCH");
	expect_order("open", 1, t.secret, "CS_EUNSUPPORTED");
	expect_order("lock", 1, NULL, "");
	assert_int_equal(ask(request_for(t.ec_id, 0x0403)).err, CS_ELOCKED);
	expect_seal_error(&t.ec, &t.ec, "CS_ELOCKED");
	expect_order("unlock", 1, wrong, "CS_EMISMATCH");
	expect_order("unlock", 2, t.secret, "CS_EMISMATCH");
	assert_int_equal(ask(request_for(t.ec_id, 0x0403)).err, CS_ELOCKED);
	expect_order("unlock", 1, t.secret, "");
	assert_int_equal(ask(request_for(t.ec_id, 0x0403)).err, CS_OK);
}

static void damage_is_reported(void **state)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	const char *const ids[] = { "00000000000000aa" };
	const struct wire_open request = { { ids, 1 } };
	struct wire_object object;
	struct wire_bundle bundle;

	(void)state;
	assert_int_equal(cs_arena_new(1u << 20, &arena), CS_OK);
	assert_int_equal(state_get(t.state, OBJECT_BUNDLE, t.ec_id, arena, &object), CS_OK);
	assert_int_equal(wire_decode(&wire_bundle_type, object.payload, arena, &bundle), CS_OK);
	/* the sealed half of one bundle under the id of another: its passphrase does not fit */
	commit_object(OBJECT_BUNDLE, ids[0], &wire_bundle_type, &bundle);
	assert_int_equal(channel_send(t.replicator, PACKET_open, &request, -1), CS_OK);
	next_opened(&packet);
	const struct wire_opened *opened = packet.body;
	assert_string_equal(opened->error, "CS_ECORRUPT");
	assert_int_equal(opened->wrapped.n, 0);
}

/* The bundle is deleted; its numbers are still there for a while. */
static void a_deleted_bundle_is_not_signed_for(void **state)
{
	const int64_t deadline = soon();

	(void)state;
	commit(&(struct state_change){ OBJECT_BUNDLE, t.rsa_id, true, { NULL, 0 } });
	while (ask(request_for(t.rsa_id, 0x0804)).err != CS_ENOTFOUND) {
		assert_true(cs_clock_mono_ms() < deadline);
		usleep(20000);
	}
	assert_int_equal(ask(request_for(t.ec_id, 0x0403)).err, CS_OK);
}

static void stop_waits_for_the_edges(void **state)
{
	const struct wire_stop drain = { 10000 };

	(void)state;
	assert_int_equal(channel_send(t.control, PACKET_stop, &drain, -1), CS_OK);
	assert_int_equal(ask(request_for(t.ec_id, 0x0403)).err, CS_OK);
	close(t.import);
	close(t.edge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_store_it_says_locked),
		cmocka_unit_test(store_and_secret_may_come_late),
		cmocka_unit_test(uploads_are_sealed),
		cmocka_unit_test(a_request_waits_for_its_reply),
		cmocka_unit_test(a_self_signed_certificate_is_a_bundle),
		cmocka_unit_test(the_key_of_a_certificate_can_be_kept),
		cmocka_unit_test(only_good_fields_are_signed),
		cmocka_unit_test(bundles_are_opened_ahead),
		cmocka_unit_test(handshakes_are_signed),
		cmocka_unit_test(many_in_one_packet),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(a_malformed_packet_costs_nobody_else),
		cmocka_unit_test(a_key_can_be_warmed),
		cmocka_unit_test(secrets_are_resealed_to_a_node),
		cmocka_unit_test(what_leaves_has_a_record_of_now_and_leaves_once),
		cmocka_unit_test(a_lock_opens_by_this_clusters_secret_alone),
		cmocka_unit_test(damage_is_reported),
		cmocka_unit_test(a_deleted_bundle_is_not_signed_for),
		cmocka_unit_test(stop_waits_for_the_edges),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
