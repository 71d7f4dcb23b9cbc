/* What the running daemon says: the API's own documents and public certificates. */
#include <string.h>
#include <openssl/pem.h>
#include "node/cli/api.h"
#include "node/cli/reach.h"
#include "node/cli/support/gather.h"
#include "node/config/config.h"
#include "store/pki/ossl.h"

static const struct {
	const char *path, *member;
} documents[] = { { "/v1/status", "status.json" }, { "/v1/nodes", "nodes.json" },
	{ "/v1/settings", "settings.json" }, { "/v1/coverage", "coverage.json" },
	{ "/v1/sync", "sync.json" }, { "/v1/default", "default.json" } };

/* DER of all certificates in PEM, in ARENA. */
static size_t ders_of(const char *pem, struct cs_arena *arena, struct cs_bytes *out, size_t max)
{
	CS_AUTO(ossl_bio_free) BIO *bio = BIO_new_mem_buf(pem, -1);
	size_t n = 0;

	while (bio != NULL && n < max) {
		CS_AUTO(ossl_x509_free) X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		uint8_t *der = NULL;
		const int len = x509 != NULL ? i2d_X509(x509, &der) : 0;
		if (len <= 0)
			break;
		out[n] = (struct cs_bytes){
			(uint8_t *)cs_arena_text(arena, (const char *)der, (size_t)len), (size_t)len
		};
		OPENSSL_free(der);
		if (out[n].p == NULL)
			break;
		n++;
	}
	ERR_clear_error();
	return n;
}

static void add_cert(struct gather *self, const char *id)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct cs_bytes leaf[1], chain[CS_CHAIN_MAX];
	char path[256], name[128];
	json_t *doc = NULL;

	snprintf(path, sizeof(path), "/v1/certs/%s", api_escape(id));
	if (cs_arena_new(1u << 20, &arena) != CS_OK || api_try(self->cli, &doc, path) != 0) {
		gather_missing(self, id, "the daemon does not give it");
		return;
	}
	const json_t *cert = json_object_get(doc, "cert");
	const size_t n = ders_of(text_at(cert, "chain_pem"), arena, chain, CS_CHAIN_MAX);
	if (ders_of(text_at(cert, "pem"), arena, leaf, 1) == 1)
		gather_cert(self, id, leaf[0], chain, n);
	json_t *facts = json_copy(json_object_get(doc, "cert"));
	json_object_del(facts, "pem"); /* it is there as .cer and .p7b */
	json_object_del(facts, "chain_pem");
	snprintf(name, sizeof(name), "certs/%.64s.json", id);
	gather_json(self, name, facts);
	json_decref(doc);
}

static void add_certs(struct gather *self)
{
	json_t *doc = NULL, *cert;
	size_t i;
	char path[64];

	snprintf(path, sizeof(path), "/v1/certs?limit=%d", GATHER_CERTS_MAX);
	if (api_try(self->cli, &doc, path) != 0) {
		gather_missing(self, "certs/", "the daemon does not list them");
		return;
	}
	json_array_foreach(json_object_get(doc, "certs"), i, cert)
	        add_cert(self, text_at(cert, "id"));
	if (text_at(doc, "next")[0] != '\0')
		gather_missing(self, "certs/", "the first 1000 certificates alone are in it");
	gather_json(self, "certs.json", doc);
}

/* Whether it is known where the API's socket is; else asking would be an error of its own. */
static bool has_runtime(struct cli *cli)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(4 * CS_TEXT_MAX);
	struct wire_config config;

	return cli->runtime_dir != NULL ||
	       (cs_arena_new(1u << 20, &arena) == CS_OK &&
	               config_read(reach_config(cli), arena, &config, &complaint) == CS_OK);
}

bool gather_online(struct gather *self)
{
	if (!has_runtime(self->cli))
		return false;
	for (size_t i = 0; i < CS_COUNT(documents); i++) {
		json_t *doc = NULL;
		const int rc = api_try(self->cli, &doc, documents[i].path);
		if (rc == API_ABSENT && i == 0)
			return false;
		if (rc == 0)
			gather_json(self, documents[i].member, doc);
		else
			gather_missing(self, documents[i].member, "the daemon refused it");
	}
	add_certs(self);
	return true;
}
