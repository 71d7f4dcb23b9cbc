#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/intake.h"
#include "store/pki/p12.h"
#include "tests/unit/fixture.h"
#include "tests/unit/vectors.h"
#include "store/pki/warnings.h"

static struct cs_buf text_new(void)
{
	return cs_buf_new(4u << 20);
}

static void pem_add(struct cs_buf *out, const char *label, struct cs_bytes der)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;

	assert_true(PEM_write_bio(bio, label, "", der.p, (long)der.n) > 0);
	const long n = BIO_get_mem_data(bio, &p);
	assert_int_equal(cs_buf_add(out, p, (size_t)n), CS_OK);
	BIO_free(bio);
}

static void encrypted_add(struct cs_buf *out, struct cs_bytes pkcs8, const char *passphrase)
{
	const uint8_t *p = pkcs8.p;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)pkcs8.n);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), passphrase,
	                         (int)strlen(passphrase), NULL, NULL),
	        1);
	const long n = BIO_get_mem_data(bio, &text);
	assert_int_equal(cs_buf_add(out, text, (size_t)n), CS_OK);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

/* A root, an intermediate and a leaf with its key. */
struct family {
	struct fx_cert root, middle, leaf;
};

static struct family family_new(void)
{
	struct family f = { .root = fx_cert((struct fx_spec){ .cn = "root", .ca = true }) };

	f.middle = fx_cert((struct fx_spec){ .cn = "middle", .ca = true, .issuer = &f.root });
	f.leaf =
	        fx_cert((struct fx_spec){ .cn = "leaf", .san = "DNS:a.test", .issuer = &f.middle });
	return f;
}

static struct intake *intake_of(struct cs_bytes bytes, const char *passphrase)
{
	struct intake *intake = NULL;

	assert_int_equal(intake_new(&intake), CS_OK);
	assert_int_equal(intake_add(intake, "f", bytes, passphrase), CS_OK);
	return intake;
}

static enum cs_err outcome(struct cs_bytes bytes, const char *passphrase)
{
	CS_AUTO(intake_free) struct intake *intake = intake_of(bytes, passphrase);
	const char *reason = NULL;
	const enum cs_err rc = intake_finish(intake, &reason);

	assert_true(rc == CS_OK || reason[0] != '\0');
	return rc;
}

static void a_pem_file_in_any_order(void **state)
{
	struct family f = family_new();
	CS_AUTO(cs_buf_free) struct cs_buf text = text_new();
	const struct intake_pair *pairs = NULL;
	const struct cs_bytes *cas = NULL;
	const char *reason = NULL;

	(void)state;
	pem_add(&text, "CERTIFICATE", fx_der(&f.root));
	pem_add(&text, "PRIVATE KEY", fx_key(&f.leaf));
	assert_int_equal(cs_buf_printf(&text, "some: words\nbetween the blocks\r\n"), CS_OK);
	pem_add(&text, "CERTIFICATE", fx_der(&f.leaf));
	pem_add(&text, "CERTIFICATE", fx_der(&f.middle));
	pem_add(&text, "CERTIFICATE", fx_der(&f.root));
	CS_AUTO(intake_free) struct intake *intake = intake_of(cs_buf_view(&text), NULL);
	assert_int_equal(intake_finish(intake, &reason), CS_OK);
	assert_int_equal(intake_pairs(intake, &pairs), 1);
	assert_true(cs_bytes_equal(pairs[0].leaf->der, fx_der(&f.leaf)));
	assert_true(cs_bytes_equal(pairs[0].pkcs8, fx_key(&f.leaf)));
	assert_int_equal(pairs[0].chain_count, 2);
	assert_true(cs_bytes_equal(pairs[0].chain[0], fx_der(&f.middle)));
	assert_true(cs_bytes_equal(pairs[0].chain[1], fx_der(&f.root)));
	assert_true(pairs[0].chain_complete);
	assert_int_equal(intake_cas(intake, &cas), 2);
	assert_ptr_equal(intake_leaf(intake), pairs[0].leaf);
}

static void several_files_and_der(void **state)
{
	struct family f = family_new();
	CS_AUTO(intake_free) struct intake *intake = intake_of(fx_der(&f.leaf), NULL);
	const struct intake_pair *pairs = NULL;
	const struct intake_finding *findings = NULL;
	const char *reason = NULL;

	(void)state;
	assert_int_equal(intake_add(intake, "key\n.der", fx_key(&f.leaf), NULL), CS_OK);
	assert_int_equal(intake_add(intake, "mid", fx_der(&f.middle), NULL), CS_OK);
	assert_int_equal(intake_finish(intake, &reason), CS_OK);
	assert_int_equal(intake_pairs(intake, &pairs), 1);
	assert_int_equal(pairs[0].chain_count, 1);
	assert_false(pairs[0].chain_complete);
	assert_int_equal(intake_findings(intake, &findings), 3);
	assert_string_equal(findings[1].file, "key\\x0a.der");
	assert_string_equal(findings[1].what, "private key");
	assert_string_equal(findings[2].what, "CA certificate");
}

static void a_pkcs12_brings_its_name(void **state)
{
	struct family f = family_new();
	const struct cs_bytes chain[] = { fx_der(&f.middle), fx_der(&f.root) };
	CS_AUTO(cs_buf_free) struct cs_buf p12 = text_new();
	const struct intake_pair *pairs = NULL;
	const char *reason = NULL;

	(void)state;
	assert_int_equal(p12_seal(fx_der(&f.leaf), fx_key(&f.leaf), chain, 2, "gr\xc3\xbc\xc3\x9f",
	                         "secret", &p12),
	        CS_OK);
	assert_int_equal(outcome(cs_buf_view(&p12), "wrong"), CS_EPASSPHRASE);
	assert_int_equal(outcome(cs_buf_view(&p12), NULL), CS_ENOPASSPHRASE);
	CS_AUTO(intake_free) struct intake *intake = intake_of(cs_buf_view(&p12), "secret");
	assert_int_equal(intake_finish(intake, &reason), CS_OK);
	assert_int_equal(intake_pairs(intake, &pairs), 1);
	assert_string_equal(pairs[0].name, "gr\xc3\xbc\xc3\x9f");
	assert_int_equal(pairs[0].chain_count, 2);
	assert_int_equal(intake_kdf_iterations(intake), 2048);
}

static void encrypted_keys_need_their_passphrase(void **state)
{
	struct family f = family_new();
	CS_AUTO(cs_buf_free) struct cs_buf text = text_new();

	(void)state;
	pem_add(&text, "CERTIFICATE", fx_der(&f.leaf));
	encrypted_add(&text, fx_key(&f.leaf), "p\xc3\xa4ss");
	assert_int_equal(outcome(cs_buf_view(&text), "p\xc3\xa4ss"), CS_OK);
	assert_int_equal(outcome(cs_buf_view(&text), "pass"), CS_EPASSPHRASE);
	assert_int_equal(outcome(cs_buf_view(&text), ""), CS_EPASSPHRASE);
	assert_int_equal(outcome(cs_buf_view(&text), NULL), CS_ENOPASSPHRASE);
}

static void what_is_refused(void **state)
{
	struct family f = family_new();
	struct fx_cert other = fx_cert((struct fx_spec){ .san = "DNS:b.test" });
	CS_AUTO(cs_buf_free) struct cs_buf text = text_new();
	struct cs_bytes cut;

	(void)state;
	assert_int_equal(outcome(cs_bytes_of(""), NULL), CS_EEMPTY);
	assert_int_equal(outcome(cs_bytes_of("hello\n"), NULL), CS_EMALFORMED);
	assert_int_equal(outcome(fx_key(&f.leaf), NULL), CS_EMISMATCH);
	pem_add(&text, "CERTIFICATE", fx_der(&f.leaf));
	pem_add(&text, "PRIVATE KEY", fx_key(&other));
	assert_int_equal(outcome(cs_buf_view(&text), NULL), CS_EMISMATCH);
	cut = cs_buf_view(&text);
	cut.n -= 30; /* the END line of the key */
	assert_int_equal(outcome(cut, NULL), CS_EMALFORMED);
	text.p[200] = '!';
	assert_int_equal(outcome(cs_buf_view(&text), NULL), CS_EMALFORMED);
	cut = fx_der(&f.leaf);
	cut.n--;
	assert_int_equal(outcome(cut, NULL), CS_EMALFORMED);
	uint8_t *large = calloc(1, CS_UPLOAD_FILE_MAX + 1);
	assert_int_equal(
	        outcome((struct cs_bytes){ large, CS_UPLOAD_FILE_MAX + 1 }, NULL), CS_ETOOBIG);
	free(large);
	assert_int_equal(outcome(cs_bytes_of("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END "
	                                     "CERTIFICATE REQUEST-----\n"),
	                         NULL),
	        CS_EEMPTY);
}

static void certificates_alone_are_taken(void **state)
{
	struct family f = family_new();
	const struct intake_pair *pairs = NULL;
	const struct cs_bytes *cas = NULL;
	const char *reason = NULL;
	CS_AUTO(intake_free) struct intake *ca = intake_of(fx_der(&f.root), NULL);
	CS_AUTO(intake_free) struct intake *leaf = intake_of(fx_der(&f.leaf), NULL);

	(void)state;
	assert_int_equal(intake_finish(ca, &reason), CS_OK);
	assert_int_equal(intake_pairs(ca, &pairs), 0);
	assert_int_equal(intake_cas(ca, &cas), 1);
	assert_non_null(intake_leaf(ca));
	assert_int_equal(intake_finish(leaf, &reason), CS_OK);
	assert_int_equal(intake_pairs(leaf, &pairs), 1);
	assert_int_equal(pairs[0].pkcs8.n, 0);
}

static void a_forged_issuer_is_not_chained(void **state)
{
	struct family f = family_new();
	struct fx_cert fake = fx_cert((struct fx_spec){ .cn = "middle", .ca = true });
	CS_AUTO(intake_free) struct intake *intake = intake_of(fx_der(&f.leaf), NULL);
	const struct intake_pair *pairs = NULL;
	const char *reason = NULL;

	(void)state;
	assert_int_equal(intake_add(intake, "fake", fx_der(&fake), NULL), CS_OK);
	assert_int_equal(intake_finish(intake, &reason), CS_OK);
	assert_int_equal(intake_pairs(intake, &pairs), 1);
	assert_int_equal(pairs[0].chain_count, 0);
}

static void pairs_with_a_key_come_first(void **state)
{
	struct fx_cert a = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	struct fx_cert b = fx_cert((struct fx_spec){ .san = "DNS:b.test" });
	CS_AUTO(intake_free) struct intake *intake = intake_of(fx_der(&a), NULL);
	const struct intake_pair *pairs = NULL;
	const char *reason = NULL;

	(void)state;
	assert_int_equal(intake_add(intake, "b", fx_der(&b), NULL), CS_OK);
	assert_int_equal(intake_add(intake, "b.key", fx_key(&b), NULL), CS_OK);
	assert_int_equal(intake_finish(intake, &reason), CS_OK);
	assert_int_equal(intake_pairs(intake, &pairs), 2);
	assert_true(cs_bytes_equal(pairs[0].leaf->der, fx_der(&b)));
	assert_true(cs_bytes_equal(pairs[1].leaf->der, fx_der(&a)));
	assert_ptr_equal(intake_leaf(intake), pairs[0].leaf);
}

struct tally {
	size_t right, total;
};

struct score {
	const char *dir;
	struct tally core, weak, stretch;
};

static bool warned(const struct intake *intake)
{
	static const char *const serious[] = { "expired", "not-yet-valid", "weak-key", "weak-hash",
		"is-ca" };
	const struct pki_cert *leaf = intake_leaf(intake);
	const struct intake_pair *pairs = NULL;
	struct pki_warning warnings[16];
	bool has_key = false;

	for (size_t i = 0, n = intake_pairs(intake, &pairs); i < n; i++)
		has_key |= pairs[i].pkcs8.n > 0;
	if (leaf == NULL || !has_key)
		return true;
	const size_t n = pki_cert_warnings(leaf, NULL, 0, time(NULL), warnings, CS_COUNT(warnings));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < CS_COUNT(serious); j++)
			if (strcmp(warnings[i].code, serious[j]) == 0)
				return true;
	return false;
}

/* "" when what we say is what COLUMN expects. */
static const char *disagreement(
        const struct intake *intake, enum cs_err rc, const char *const column[])
{
	const struct pki_cert *const *certs = NULL;
	char sha256[65] = "-";

	if (rc != CS_OK)
		return strcmp(column[3], "reject") == 0 ? "" : "refused";
	if (strcmp(column[3], "reject") == 0)
		return "accepted";
	const struct pki_cert *leaf = intake_leaf(intake);
	if (leaf != NULL)
		cs_hex(leaf->sha256, 32, sha256);
	if (strcmp(column[5], sha256) != 0)
		return "another leaf";
	if (intake_certs(intake, &certs) != (size_t)strtoul(column[7], NULL, 10))
		return "another number of certificates";
	const bool warning = strcmp(column[3], "accept-with-warning") == 0;
	return warning && !warned(intake) ? "no warning" : "";
}

static void one_vector(const char *const column[VECTOR_COLUMNS], void *arg)
{
	struct score *score = arg;
	char name[256], passphrase[1024];
	const char *reason = "";

	if (strcmp(column[3], "either") == 0)
		return;
	snprintf(name, sizeof(name), "import/files/%s", column[0]);
	const struct cs_bytes bytes = vectors_file(score->dir, name);
	vectors_percent(column[2], passphrase);
	CS_AUTO(intake_free)
	struct intake *intake = intake_of(bytes, strcmp(column[2], "-") == 0 ? NULL : passphrase);
	const enum cs_err rc = intake_finish(intake, &reason);
	const char *wrong = disagreement(intake, rc, column);
	struct tally *tally = strcmp(column[8], "core") == 0   ? &score->core
	                      : strcmp(column[8], "weak") == 0 ? &score->weak
	                                                       : &score->stretch;
	tally->total++;
	tally->right += wrong[0] == '\0';
	if (wrong[0] != '\0')
		fprintf(stderr, "%s (%s): %s, expected %s (%s); %s: %s\n", column[0], column[8],
		        wrong, column[3], column[9], cs_err_name(rc), reason);
	free((void *)(uintptr_t)bytes.p);
}

static void public_vectors_agree(void **state)
{
	struct score score = { .dir = vectors_dir() };

	(void)state;
	if (score.dir == NULL)
		skip();
	vectors_each(score.dir, "import/manifest.tsv", one_vector, &score);
	fprintf(stderr,
	        "import: %zu of %zu core, %zu of %zu weak, %zu of %zu stretch vectors agree\n",
	        score.core.right, score.core.total, score.weak.right, score.weak.total,
	        score.stretch.right, score.stretch.total);
	assert_int_equal(score.core.right, score.core.total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pem_file_in_any_order),
		cmocka_unit_test(several_files_and_der),
		cmocka_unit_test(a_pkcs12_brings_its_name),
		cmocka_unit_test(encrypted_keys_need_their_passphrase),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(certificates_alone_are_taken),
		cmocka_unit_test(a_forged_issuer_is_not_chained),
		cmocka_unit_test(pairs_with_a_key_come_first),
		cmocka_unit_test(public_vectors_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
