#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "store/pki/p12.h"
#include "tests/unit/fixture.h"

#define PASS "correct horse"
#define QUICK_MS 300 /* far below one refused derivation, far above parsing */

extern char **environ;

struct made {
	struct fx_cert ca, leaf;
};

static struct made made_new(void)
{
	struct made m = { .ca = fx_cert((struct fx_spec){ .cn = "ca", .ca = true }) };

	m.leaf = fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &m.ca });
	return m;
}

static struct cs_buf sealed(const struct made *m, const char *name)
{
	struct cs_buf out = cs_buf_new(1u << 20);
	const struct cs_bytes chain[] = { fx_der(&m->ca) };

	assert_int_equal(
	        p12_seal(fx_der(&m->leaf), fx_key(&m->leaf), chain, 1, name, PASS, &out), CS_OK);
	return out;
}

static enum cs_err opens(struct cs_bytes der, const char *passphrase, bool legacy)
{
	struct p12_content content;
	const int64_t start = cs_clock_mono_ms();
	const enum cs_err rc = p12_open(der, passphrase, legacy, &content);

	assert_true(rc == CS_OK || content.reason[0] != '\0');
	assert_true(rc != CS_EITERATIONS || cs_clock_mono_ms() - start < QUICK_MS);
	assert_int_equal(ERR_peek_error(), 0);
	p12_content_free(&content);
	return rc;
}

static void a_sealed_bundle_opens_again(void **state)
{
	struct made m = made_new();
	CS_AUTO(cs_buf_free) struct cs_buf p12 = sealed(&m, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\xaa");
	CS_AUTO(p12_content_free) struct p12_content content;

	(void)state;
	assert_int_equal(p12_open(cs_buf_view(&p12), PASS, false, &content), CS_OK);
	assert_int_equal(content.key_count, 1);
	assert_true(cs_bytes_equal(content.keys[0], fx_key(&m.leaf)));
	assert_int_equal(content.cert_count, 2);
	assert_true(cs_bytes_equal(content.certs[0], fx_der(&m.leaf)));
	assert_true(cs_bytes_equal(content.certs[1], fx_der(&m.ca)));
	assert_string_equal(
	        content.name, "gr\xc3\xbc\xc3\x9f \xef\xbf\xbd"); /* the format knows no U+1F6AA */
	assert_int_equal(content.mac_iterations, 2048);
	assert_int_equal(opens(cs_buf_view(&p12), "correct hors", false), CS_EPASSPHRASE);
	assert_int_equal(opens(cs_buf_view(&p12), "", false), CS_EPASSPHRASE);
	assert_int_equal(opens(cs_buf_view(&p12), NULL, false), CS_ENOPASSPHRASE);
}

static void write_file(const char *dir, const char *name, struct cs_bytes bytes, char path[128])
{
	snprintf(path, 128, "%s/%s", dir, name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
	fclose(f);
}

/* Exit code of the openssl command; its output goes to OUT. */
static int run_openssl(char *const argv[], const char *out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;
	int status = 0;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	const int rc = posix_spawnp(&pid, "openssl", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return 127;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void the_openssl_command_reads_it(void **state)
{
	struct made m = made_new();
	CS_AUTO(cs_buf_free) struct cs_buf p12 = sealed(&m, "name");
	char dir[64], file[128], pass[128], out[128], text[8192] = "", source[160];

	(void)state;
	fx_mkdir(dir);
	write_file(dir, "f.p12", cs_buf_view(&p12), file);
	write_file(dir, "pass", cs_bytes_of(PASS "\n"), pass);
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(source, sizeof(source), "file:%s", pass);
	char *argv[] = { "openssl", "pkcs12", "-in", file, "-passin", source, "-nodes", NULL };
	const int rc = run_openssl(argv, out);
	FILE *f = fopen(out, "rb");
	if (f != NULL) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
	}
	fx_rmdir(dir);
	if (rc == 127)
		skip();
	assert_int_equal(rc, 0);
	assert_non_null(strstr(text, "BEGIN PRIVATE KEY"));
	assert_non_null(strstr(strstr(text, "BEGIN CERTIFICATE") + 1, "BEGIN CERTIFICATE"));
	assert_non_null(strstr(text, "friendlyName: name"));
}

static void the_bundle_passphrase_is_derived(void **state)
{
	uint8_t secret[32];
	char out[44];

	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	assert_int_equal(p12_bundle_passphrase(secret, "0123456789abcdef", 7, out), CS_OK);
	assert_string_equal(
	        out, "gEosdHVviBZ0gDIQi_SF_NNJM5oBXc5k_CQKrOTQ6Wc"); /* by an independent HKDF */
	assert_int_equal(p12_bundle_passphrase(secret, "../x", 7, out), CS_EMALFORMED);
}

static void sealing_checks_what_it_is_given(void **state)
{
	struct made m = made_new();
	struct fx_cert other = fx_cert((struct fx_spec){ .san = "DNS:b.test" });
	CS_AUTO(cs_buf_free) struct cs_buf out = cs_buf_new(1u << 20);
	struct cs_bytes cut = fx_key(&m.leaf), chain[CS_CHAIN_MAX + 1];

	(void)state;
	cut.n--;
	for (size_t i = 0; i < CS_COUNT(chain); i++)
		chain[i] = fx_der(&m.ca);
	assert_int_equal(
	        p12_seal(fx_der(&m.leaf), fx_key(&other), NULL, 0, "", PASS, &out), CS_EMISMATCH);
	assert_int_equal(p12_seal(fx_der(&m.leaf), cut, NULL, 0, "", PASS, &out), CS_EMALFORMED);
	assert_int_equal(
	        p12_seal(fx_der(&m.leaf), fx_key(&m.leaf), chain, CS_COUNT(chain), "", PASS, &out),
	        CS_ETOOBIG);
	assert_int_equal(p12_seal(fx_der(&m.leaf), fx_key(&m.leaf), NULL, 0, "a\nb", PASS, &out),
	        CS_EMALFORMED);
	assert_int_equal(out.n, 0);
	out.max = 100;
	assert_int_equal(
	        p12_seal(fx_der(&m.leaf), fx_key(&m.leaf), NULL, 0, "", PASS, &out), CS_ETOOBIG);
}

/* The verdict on P12 as it is now; frees it. */
static enum cs_err verdict(PKCS12 *p12, const char *passphrase)
{
	uint8_t *der = NULL;
	const int n = i2d_PKCS12(p12, &der);

	assert_true(n > 0);
	const enum cs_err rc = opens((struct cs_bytes){ der, (size_t)n }, passphrase, true);
	OPENSSL_free(der);
	PKCS12_free(p12);
	return rc;
}

static PKCS8_PRIV_KEY_INFO *p8_of(const struct fx_cert *cert)
{
	const uint8_t *p = cert->pkcs8;

	return d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)cert->pkcs8_len);
}

static enum cs_err named(
        const struct fx_cert *cert, const uint8_t *utf16, size_t n, char out[CS_FRIENDLY_MAX + 1])
{
	PKCS12_SAFEBAG *bag = PKCS12_SAFEBAG_create0_p8inf(p8_of(cert));
	STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
	STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	PKCS12 *p12 = PKCS12_init(NID_pkcs7_data);
	struct p12_content content;
	uint8_t *der = NULL;

	assert_int_equal(PKCS12_add_friendlyname_uni(bag, utf16, (int)n), 1);
	sk_PKCS12_SAFEBAG_push(bags, bag);
	sk_PKCS7_push(safes, PKCS12_pack_p7data(bags));
	assert_int_equal(PKCS12_pack_authsafes(p12, safes), 1);
	assert_int_equal(PKCS12_set_mac(p12, PASS, -1, NULL, 0, 1, NULL), 1);
	const int len = i2d_PKCS12(p12, &der);
	const enum cs_err rc =
	        p12_open((struct cs_bytes){ der, (size_t)len }, PASS, false, &content);
	snprintf(out, CS_FRIENDLY_MAX + 1, "%s", content.name);
	p12_content_free(&content);
	OPENSSL_free(der);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	PKCS12_free(p12);
	return rc;
}

static void friendly_names_are_data(void **state)
{
	static const struct {
		const char *utf16, *shown;
		size_t n;
	} table[] = {
		{ "\0a\0\xfc", "a\xc3\xbc", 4 },
		{ "\xd8\x3d\xde\xaa", "\xf0\x9f\x9a\xaa", 4 },
		{ "\xd8\x3d\0a",
		        "\xef\xbf\xbd"
		        "a",
		        4 },
		{ "\0a\xd8\x3d", "a\xef\xbf\xbd", 4 },
		{ "\0a\0\0\0b", "a\\x00b", 6 },
		{ "\0.\0.\0/\0\n", "../\\x0a", 8 },
		{ "\x20\x2e\0a", "\\xe2\\x80\\xaea", 4 },
	};
	struct made m = made_new();
	char out[CS_FRIENDLY_MAX + 1];
	uint8_t large[4000];

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		assert_int_equal(
		        named(&m.leaf, (const uint8_t *)table[i].utf16, table[i].n, out), CS_OK);
		assert_string_equal(out, table[i].shown);
	}
	memset(large, 'a', sizeof(large)); /* U+6161: three bytes each */
	assert_int_equal(named(&m.leaf, large, sizeof(large), out), CS_OK);
	assert_true(strlen(out) <= CS_FRIENDLY_MAX && strlen(out) > CS_FRIENDLY_MAX - 8);
}

static PKCS12 *foreign(OSSL_LIB_CTX *ctx, const struct made *m, const char *pass, int key_nid,
        int cert_nid, int mac)
{
	const uint8_t *p = m->leaf.der, *k = m->leaf.pkcs8;
	X509 *x = d2i_X509(NULL, &p, (long)m->leaf.der_len);
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &k, (long)m->leaf.pkcs8_len);
	PKCS12 *p12 = PKCS12_create_ex(
	        pass, "foreign", key, x, NULL, key_nid, cert_nid, 1000, mac, 0, ctx, NULL);

	EVP_PKEY_free(key);
	X509_free(x);
	return p12;
}

static void a_missing_mac_is_its_own_reason(void **state)
{
	struct made m = made_new();

	(void)state;
	assert_int_equal(verdict(foreign(NULL, &m, PASS, 0, 0, -1), PASS), CS_ENOMAC);
}

static void no_passphrase_is_written_in_two_ways(void **state)
{
	struct made m = made_new();

	(void)state;
	assert_int_equal(verdict(foreign(NULL, &m, "", 0, 0, 1000), ""), CS_OK);
	assert_int_equal(verdict(foreign(NULL, &m, "", 0, 0, 1000), NULL), CS_OK);
	assert_int_equal(verdict(foreign(NULL, &m, NULL, -1, -1, 1000), ""), CS_OK);
	assert_int_equal(verdict(foreign(NULL, &m, NULL, -1, -1, 1000), NULL), CS_OK);
	assert_int_equal(verdict(foreign(NULL, &m, "", 0, 0, 1000), "x"), CS_EPASSPHRASE);
}

static void old_windows_files_need_legacy(void **state)
{
	struct made m = made_new();
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *base = OSSL_PROVIDER_load(ctx, "default"),
	              *legacy = OSSL_PROVIDER_load(ctx, "legacy");
	PKCS12 *p12 = legacy != NULL
	                      ? foreign(ctx, &m, PASS, NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
	                                NID_pbe_WithSHA1And40BitRC2_CBC, 2000)
	                      : NULL;
	uint8_t *der = NULL;
	const int n = p12 != NULL ? i2d_PKCS12(p12, &der) : 0;
	const struct cs_bytes bytes = { der, (size_t)n };

	(void)state;
	const enum cs_err without = n > 0 ? opens(bytes, PASS, false) : CS_OK,
	                  with = n > 0 ? opens(bytes, PASS, true) : CS_OK;
	const enum cs_err wrong = n > 0 ? opens(bytes, "no", true) : CS_OK;
	OPENSSL_free(der);
	PKCS12_free(p12);
	OSSL_PROVIDER_unload(legacy);
	OSSL_PROVIDER_unload(base);
	OSSL_LIB_CTX_free(ctx);
	ERR_clear_error();
	if (n == 0)
		skip();
	assert_int_equal(without, CS_EUNSUPPORTED);
	assert_int_equal(with, CS_OK);
	assert_int_equal(wrong, CS_EPASSPHRASE);
}

static void damage_is_told_from_a_wrong_passphrase(void **state)
{
	struct made m = made_new();
	CS_AUTO(cs_buf_free) struct cs_buf p12 = sealed(&m, "");
	const size_t n = p12.n;
	uint8_t *large = calloc(1, CS_UPLOAD_FILE_MAX + 1);

	(void)state;
	assert_int_equal(cs_buf_add(&p12, "\0", 1), CS_OK);
	assert_int_equal(opens(cs_buf_view(&p12), PASS, false), CS_ETRAILING);
	for (size_t cut = 1; cut < n; cut += 31)
		assert_int_equal(
		        opens((struct cs_bytes){ p12.p, cut }, PASS, false), CS_EMALFORMED);
	assert_int_equal(opens((struct cs_bytes){ p12.p, 0 }, PASS, false), CS_EEMPTY);
	assert_int_equal(
	        opens((struct cs_bytes){ large, CS_UPLOAD_FILE_MAX + 1 }, PASS, false), CS_ETOOBIG);
	assert_int_equal(opens((struct cs_bytes){ large, 2048 }, PASS, false), CS_EMALFORMED);
	free(large);
	p12.p[n / 2] ^= 1;
	assert_int_not_equal(opens((struct cs_bytes){ p12.p, n }, PASS, false), CS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_bundle_opens_again),
		cmocka_unit_test(the_openssl_command_reads_it),
		cmocka_unit_test(the_bundle_passphrase_is_derived),
		cmocka_unit_test(sealing_checks_what_it_is_given),
		cmocka_unit_test(friendly_names_are_data),
		cmocka_unit_test(a_missing_mac_is_its_own_reason),
		cmocka_unit_test(no_passphrase_is_written_in_two_ways),
		cmocka_unit_test(old_windows_files_need_legacy),
		cmocka_unit_test(damage_is_told_from_a_wrong_passphrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
