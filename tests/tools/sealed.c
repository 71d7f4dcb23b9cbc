/* sealed STATE_DIR NODE: opens the cluster secret with the node's own key files, as keyd does, and
 * prints for the first bundle: secret (hex), bundle passphrase, sealed PKCS#12 (hex). For the test
 * that gives them to `openssl pkcs12`. */
#include <stdio.h>
#include <string.h>
#include <sodium.h>
#include "proto/role/keyfile.h"
#include "proto/wire/objects.h"
#include "store/db/state.h"
#include "store/pki/p12.h"

static enum cs_err cluster_secret(
        struct state *state, const char *node, const struct keyd_key *key, uint8_t out[32])
{
	char id[CS_ID_MAX + 1];
	struct wire_object object;
	struct wire_secret secret;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	snprintf(id, sizeof(id), "1.%s", node);
	CS_TRY(state_get(state, OBJECT_SECRET, id, arena, &object));
	CS_TRY(wire_decode(&wire_secret_type, object.payload, arena, &secret));
	if (secret.box.n != 32 + crypto_box_SEALBYTES ||
	        crypto_box_seal_open(
	                out, secret.box.p, secret.box.n, key->seal_public, key->seal_secret) != 0)
		return CS_ECRYPTO;
	return CS_OK;
}

static enum cs_err show(void *data, const struct wire_object *object)
{
	const uint8_t *secret = data;
	char passphrase[44], hex[65];
	struct wire_bundle bundle;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(wire_decode(&wire_bundle_type, object->payload, arena, &bundle));
	CS_TRY(p12_bundle_passphrase(secret, object->id, bundle.version, passphrase));
	sodium_bin2hex(hex, sizeof(hex), secret, 32);
	printf("%s %s ", hex, passphrase);
	for (size_t i = 0; i < bundle.sealed.n; i++)
		printf("%02x", bundle.sealed.p[i]);
	printf("\n");
	return CS_EEXISTS; /* the first is enough */
}

int main(int argc, char **argv)
{
	char path[512];
	uint8_t secret[32];
	struct keyd_key key;
	struct state *state = NULL;

	if (argc != 3 || sodium_init() < 0)
		return 64;
	snprintf(path, sizeof(path), "%s/keyd.key", argv[1]);
	enum cs_err rc = keyd_key_read(path, &key);
	snprintf(path, sizeof(path), "%s/state", argv[1]);
	if (rc == CS_OK)
		rc = state_open(path, false, false, (size_t)32 << 30, &state);
	if (rc == CS_OK)
		rc = cluster_secret(state, argv[2], &key, secret);
	if (rc == CS_OK)
		rc = state_each(state, OBJECT_BUNDLE, "", show, secret);
	state_close(&state);
	if (rc != CS_EEXISTS)
		fprintf(stderr, "sealed: %s\n", cs_err_text(rc));
	return rc == CS_EEXISTS ? 0 : 1;
}
