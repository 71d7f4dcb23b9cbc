#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "node/cli/trust.h"
#include "proto/base/text.h"
#include "store/pki/trust_store.h"
#include "tests/unit/fixture.h"
#include <openssl/pem.h>

static void put_pem(const char *path, const struct fx_cert *cert)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(PEM_write(file, "CERTIFICATE", "", cert->der, (long)cert->der_len) > 0);
	assert_int_equal(fclose(file), 0);
}

static struct fx_cert ca(const char *cn, const struct fx_cert *issuer)
{
	return fx_cert((struct fx_spec){ .cn = cn, .ca = true, .issuer = issuer });
}

static enum pki_trust trust(const struct fx_cert *const *certs, size_t n, const char *file)
{
	CS_AUTO(intake_free) struct intake *in = NULL;
	const struct intake_pair *pairs = NULL;
	const char *reason = NULL;

	assert_int_equal(intake_new(&in), CS_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(intake_add(in, "file", fx_der(certs[i]), NULL), CS_OK);
	const enum cs_err rc = intake_finish(in, &reason);
	assert_true(rc == CS_OK || rc == CS_ENOKEY); /* CA certificates alone are worth keeping */
	assert_int_equal(intake_pairs(in, &pairs), 1);
	return trust_of_pair(in, &pairs[0], time(NULL), file);
}

static void whose_root_it_is(void **state)
{
	const struct fx_cert root = ca("root", NULL), other = ca("other", NULL),
	                     sub = ca("sub", &root);
	const struct fx_cert leaf =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &sub });
	const struct fx_cert own = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	const struct fx_cert *const with_root[] = { &leaf, &sub, &root };
	const struct fx_cert *const alone[] = { &own };
	char dir[64], trusts[96], others[96], absent[96];

	(void)state;
	fx_mkdir(dir);
	snprintf(trusts, sizeof(trusts), "%s/trusts.pem", dir);
	snprintf(others, sizeof(others), "%s/others.pem", dir);
	snprintf(absent, sizeof(absent), "%s/absent.pem", dir);
	put_pem(trusts, &root);
	put_pem(others, &other);
	const struct {
		const struct fx_cert *const *certs;
		size_t n;
		const char *file;
		enum pki_trust trust;
	} table[] = {
		{ with_root, 2, trusts, PKI_TRUST_PUBLIC },
		{ with_root, 3, trusts, PKI_TRUST_PUBLIC },
		{ with_root, 3, others, PKI_TRUST_PRIVATE },
		{ with_root, 3, absent, PKI_TRUST_UNKNOWN },
		{ with_root, 2, others, PKI_TRUST_UNKNOWN },
		{ with_root, 1, trusts, PKI_TRUST_UNKNOWN },
		{ alone, 1, trusts, PKI_TRUST_PRIVATE },
	};
	for (size_t i = 0; i < CS_COUNT(table); i++)
		assert_int_equal(trust(table[i].certs, table[i].n, table[i].file), table[i].trust);
	fx_rmdir(dir);
}

static void another_file_is_read_again(void **state)
{
	CS_AUTO(trust_store_free) struct trust_store store = { .roots = NULL };
	const struct fx_cert one = ca("one", NULL), two = ca("two", NULL);
	char dir[64], path[96];

	(void)state;
	fx_mkdir(dir);
	snprintf(path, sizeof(path), "%s/roots.pem", dir);
	assert_int_equal(trust_store_read(&store, path), CS_OK);
	assert_int_equal(path_pool_count(store.roots), 0);
	put_pem(path, &one);
	store.at.tv_sec = 0;
	assert_int_equal(trust_store_read(&store, path), CS_OK);
	assert_int_equal(path_pool_count(store.roots), 1);
	put_pem(path, &two);
	store.at.tv_sec = 0; /* the clock of the file system may be too coarse to tell */
	assert_int_equal(trust_store_read(&store, path), CS_OK);
	assert_int_equal(path_pool_count(store.roots), 1);
	assert_int_equal(trust_store_read(&store, dir), CS_OK); /* no file: what is known counts */
	assert_int_equal(path_pool_count(store.roots), 1);
	fx_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whose_root_it_is),
		cmocka_unit_test(another_file_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
