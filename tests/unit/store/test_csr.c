#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include "proto/base/limits.h"
#include "store/pki/csr.h"
#include "store/pki/hostin.h"
#include "store/pki/names.h"
#include "tests/unit/fixture.h"

#define EIGHT "abcdefgh"
#define SIXTYFOUR EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT
#define PILE "\xf0\x9f\x92\xa9" /* U+1F4A9, beyond the BMP */

static const struct {
	struct pki_subject subject;
	const char *field; /* that is refused; NULL: none */
	const char *why;
} subjects[] = {
	{ { "US", "MS", "Ridgeland", "The Example Company", "Potatoes", "access.example.com" },
	        NULL, "the guide's own example" },
	{ { "", "", "", "", "", "" }, NULL, "all may be left out" },
	{ { "U", "", "", "", "", "" }, "country", "one letter is no country" },
	{ { "USA", "", "", "", "", "" }, "country", "nor three" },
	{ { "us", "", "", "", "", "" }, "country", "capitals are wanted" },
	{ { "U1", "", "", "", "", "" }, "country", "and no digit" },
	{ { "\xc3\x84", "", "", "", "", "" }, "country", "two bytes are no two letters" },
	{ { "", "", "", "", "", SIXTYFOUR }, NULL, "64 characters of common name" },
	{ { "", "", "", "", "", SIXTYFOUR "x" }, "common name", "but not 65" },
	{ { "", "", "", SIXTYFOUR "x", "", "" }, "organization", "nor 65 of organization" },
	{ { "", "", "", "", SIXTYFOUR "x", "" }, "unit", "nor of unit" },
	{ { "", SIXTYFOUR SIXTYFOUR, "", "", "", "" }, NULL, "128 of a state" },
	{ { "", SIXTYFOUR SIXTYFOUR "x", "", "", "", "" }, "state", "but not 129" },
	{ { "", "", SIXTYFOUR SIXTYFOUR "x", "", "", "" }, "locality", "nor of a city" },
	{ { "", "", "M\xc3\xbcnchen", "", "", PILE PILE }, NULL, "text beyond ASCII and BMP" },
	{ { "", "", "", "", "", "a\nb" }, "common name", "no control byte" },
	{ { "", "", "", "", "a\x7f", "" }, "unit", "nor DEL" },
	{ { "", "", "", "\xff", "", "" }, "organization", "no broken UTF-8" },
	{ { "", "", "", "\xed\xa0\x80", "", "" }, "organization", "nor a lone surrogate" },
	{ { "", "", "", "", "", "a\xe2\x80\xae" }, "common name", "nothing that turns the text" },
	{ { "", "", " x", "", "", "" }, "locality", "no space before" },
	{ { "", "", "x ", "", "", "" }, "locality", "nor behind" },
	{ { "", "", "", "", "", "a/CN=b,O=c+d\"<>;#" }, NULL, "but whatever needs escaping" },
};

static void subjects_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < CS_COUNT(subjects); i++) {
		char reason[256] = "";
		const enum cs_err rc =
		        pki_subject_check(&subjects[i].subject, reason, sizeof(reason));
		if ((rc == CS_OK) != (subjects[i].field == NULL))
			fail_msg("%s: %s (%s)", subjects[i].why, cs_err_text(rc), reason);
		if (subjects[i].field != NULL && strstr(reason, subjects[i].field) != reason)
			fail_msg("%s: %s", subjects[i].why, reason);
	}
}

static const struct {
	const char *written, *name; /* NULL: refused */
} hosts[] = {
	{ "Access.Example.COM", "access.example.com" },
	{ "access.example.com.", "access.example.com" },
	{ "b\xc3\xbc"
	  "cher.example",
	        "xn--bcher-kva.example" },
	{ "B\xc3\x9c"
	  "CHER.example",
	        "xn--bcher-kva.example" },
	{ "stra\xc3\x9f"
	  "e.example",
	        "xn--strae-oqa.example" },
	{ "*.b\xc3\xbc"
	  "cher.example",
	        "*.xn--bcher-kva.example" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "*.Example.com", "*.example.com" },
	{ "intranet", "intranet" },
	{ "", NULL },
	{ ".", NULL },
	{ "*", NULL },
	{ "*.", NULL },
	{ "*.com", NULL },
	{ "*.*.example.com", NULL },
	{ "a.*.example.com", NULL },
	{ "f*.example.com", NULL },
	{ "b\xc3\xbc*.example.com", NULL },
	{ "b\xc3\xbc_a.example.com", NULL },
	{ "a\xc2\xad"
	  "b.example.com",
	        "ab.example.com" }, /* a soft hyphen is nothing: UTS 46 */
	{ "a\xe3\x80\x82"
	  "example.com",
	        "a.example.com" }, /* the ideographic full stop is one */
	{ "\xe2\x80\xa8.example.com", NULL },
	{ "a..example.com", NULL },
	{ "-a.example.com", NULL },
	{ "a-.example.com", NULL },
	{ "a b.example.com", NULL },
	{ "a/b.example.com", NULL },
	{ "a\n.example.com", NULL },
	{ "a_b.example.com", NULL },
	{ "1.2.3.4", NULL },
	{ "2001:db8::1", NULL },
	{ "\xff.example.com", NULL },
	{ "a\xe2\x80\xae.example.com", NULL },
	{ SIXTYFOUR ".example.com", NULL },
	{ SIXTYFOUR "." SIXTYFOUR "." SIXTYFOUR "." SIXTYFOUR, NULL },
};

static void host_names_become_a_labels(void **state)
{
	(void)state;
	for (size_t i = 0; i < CS_COUNT(hosts); i++) {
		char out[CS_NAME_MAX + 1], reason[256] = "";
		const enum cs_err rc = pki_hostin(hosts[i].written, out, reason, sizeof(reason));
		if ((rc == CS_OK) != (hosts[i].name != NULL))
			fail_msg("%s: %s %s", hosts[i].written, cs_err_text(rc), reason);
		if (rc == CS_OK)
			assert_string_equal(out, hosts[i].name);
		else
			assert_true(strlen(reason) > 5);
	}
}

static void wildcards_on_public_suffixes_are_known(void **state)
{
	(void)state;
	assert_int_equal(pki_hostin_suffix("*.co.uk"), PKI_SUFFIX_PUBLIC);
	assert_int_equal(pki_hostin_suffix("*.github.io"), PKI_SUFFIX_PRIVATE);
	assert_int_equal(pki_hostin_suffix("*.example.com"), PKI_SUFFIX_NONE);
	assert_int_equal(pki_hostin_suffix("*.corp.lan"), PKI_SUFFIX_NONE);
	assert_int_equal(pki_hostin_suffix("co.uk"), PKI_SUFFIX_NONE);
}

static EVP_PKEY *make_key(const struct pki_keyspec *spec)
{
	return spec->kind == PKI_KEY_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)spec->bits)
	                                 : EVP_EC_gen(spec->name);
}

static const char *const names[] = { "access.example.com", "*.access.example.com" };
static const uint8_t v4[] = { 192, 0, 2, 1 };
static const struct cs_bytes addresses[] = { { v4, 4 } };

static struct pki_fields example(void)
{
	return (struct pki_fields){ subjects[0].subject, names, 2, addresses, 1 };
}

static void requests_say_what_was_asked(void **state)
{
	const struct pki_fields fields = example();

	(void)state;
	for (size_t i = 0; i < 3; i++) { /* the larger RSA keys take long */
		CS_AUTO(cs_buf_free) struct cs_buf der = cs_buf_new(CS_DER_MAX);
		CS_AUTO(pki_csr_free) struct pki_csr csr = { .subject = "" };
		EVP_PKEY *key = make_key(&pki_keyspecs[i]);
		assert_int_equal(pki_csr_make(&fields, key, &der), CS_OK);
		assert_int_equal(pki_csr_read(cs_buf_view(&der), &csr), CS_OK);
		assert_string_equal(csr.subject, "CN=access.example.com,OU=Potatoes,O=The Example "
		                                 "Company,L=Ridgeland,ST=MS,C=US");
		assert_int_equal(csr.dns_count, 2);
		assert_string_equal(csr.dns[0], names[0]);
		assert_string_equal(csr.ip_text[0], "192.0.2.1");
		assert_ptr_equal(pki_keyspec_like(csr.key, csr.key_bits), &pki_keyspecs[i]);
		der.p[der.n - 1] ^= 1; /* its signature */
		pki_csr_free(&csr);
		assert_int_not_equal(pki_csr_read(cs_buf_view(&der), &csr), CS_OK);
		EVP_PKEY_free(key);
	}
}

static void self_signed_certificates_serve_and_sign_nothing(void **state)
{
	CS_AUTO(cs_buf_free) struct cs_buf der = cs_buf_new(CS_DER_MAX);
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	struct pki_fields fields = example();
	uint8_t spki[32];
	EVP_PKEY *key = make_key(&pki_keyspecs[0]);

	(void)state;
	assert_int_equal(pki_selfsigned_make(&fields, key, 1700000000, 1800000000, &der), CS_OK);
	assert_int_equal(pki_cert_read(cs_buf_view(&der), &cert), CS_OK);
	assert_true(cert->self_signed && !cert->is_ca && cert->server_auth && !cert->weak_hash);
	assert_int_equal(cert->not_before, 1700000000);
	assert_int_equal(cert->not_after, 1800000000);
	assert_int_equal(pki_cert_covers(cert, cs_bytes_of("p1.access.example.com"), NULL),
	        PKI_COVER_WILDCARD);
	assert_int_equal(pki_key_spki(key, spki), CS_OK);
	assert_memory_equal(spki, cert->spki_sha256, 32);
	EVP_PKEY_free(key);
}

static void a_subject_is_read_as_it_was_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < CS_COUNT(subjects); i++) {
		CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
		struct pki_subject again;
		X509_NAME *name = NULL;
		uint8_t *der = NULL;
		bool others;
		if (subjects[i].field != NULL)
			continue;
		assert_int_equal(cs_arena_new(65536, &arena), CS_OK);
		assert_int_equal(pki_subject_name(&subjects[i].subject, &name), CS_OK);
		const int n = i2d_X509_NAME(name, &der);
		const struct cs_bytes bytes = { der, (size_t)n };
		assert_int_equal(pki_subject_read(bytes, arena, &again, &others), CS_OK);
		assert_false(others);
		assert_string_equal(again.common_name, subjects[i].subject.common_name);
		assert_string_equal(again.locality, subjects[i].subject.locality);
		assert_string_equal(again.country, subjects[i].subject.country);
		X509_NAME_free(name);
		OPENSSL_free(der);
	}
}

static void nothing_without_a_name_is_signed(void **state)
{
	static const char *const bad[] = { "Access.example.com", "a b", "*.com", "1.2.3.4", "" };
	struct pki_fields fields = example();
	char reason[256];

	(void)state;
	assert_int_equal(pki_fields_check(&fields, reason, sizeof(reason)), CS_OK);
	fields.dns_count = fields.ip_count = 0;
	assert_int_equal(pki_fields_check(&fields, reason, sizeof(reason)), CS_EMALFORMED);
	fields.dns_count = 1;
	for (size_t i = 0; i < CS_COUNT(bad); i++) {
		fields.dns = &bad[i];
		assert_int_equal(pki_fields_check(&fields, reason, sizeof(reason)), CS_EMALFORMED);
	}
	fields.dns_count = CS_REQUEST_NAMES_MAX + 1;
	assert_int_equal(pki_fields_check(&fields, reason, sizeof(reason)), CS_ETOOBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_are_checked),
		cmocka_unit_test(host_names_become_a_labels),
		cmocka_unit_test(wildcards_on_public_suffixes_are_known),
		cmocka_unit_test(requests_say_what_was_asked),
		cmocka_unit_test(self_signed_certificates_serve_and_sign_nothing),
		cmocka_unit_test(a_subject_is_read_as_it_was_written),
		cmocka_unit_test(nothing_without_a_name_is_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
