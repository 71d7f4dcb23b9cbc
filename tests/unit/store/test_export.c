#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/err.h>
#include "proto/base/limits.h"
#include "store/pki/export.h"
#include "store/pki/intake.h"
#include "store/pki/p12.h"
#include "tests/unit/fixture.h"

#define PASS "correct horse battery"
#define UTF8 "gr\xc3\xbc\xc3\x9f Gott \xe4\xbd\xa0\xe5\xa5\xbd"
#define C PKI_WITH_CERTIFICATE
#define K PKI_WITH_KEY
#define CH PKI_WITH_CHAIN

static struct fx_cert ca, a, b;

static int mint(void **state)
{
	(void)state;
	ca = fx_cert((struct fx_spec){ .cn = "CA", .ca = true });
	a = fx_cert((struct fx_spec){ .san = "DNS:a.example", .issuer = &ca });
	b = fx_cert((struct fx_spec){ .san = "DNS:b.example", .issuer = &ca, .key = "RSA-2048" });
	return 0;
}

static void the_format_follows_what_is_included(void **state)
{
	static const struct {
		unsigned include;
		size_t count;
		enum pki_format format;
	} table[] = { { C, 1, PKI_FORMAT_DER }, { C, 2, PKI_FORMAT_P7B },
		{ C | CH, 1, PKI_FORMAT_P7B }, { CH, 1, PKI_FORMAT_P7B }, { K, 1, PKI_FORMAT_P8 },
		{ C | K, 1, PKI_FORMAT_P12 }, { C | K | CH, 1, PKI_FORMAT_P12 },
		{ K | CH, 1, PKI_FORMAT_PEM } };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		assert_int_equal(pki_format_for(table[i].include, table[i].count), table[i].format);
		assert_null(
		        pki_format_objection(table[i].format, table[i].include, table[i].count));
	}
}

static void what_a_format_cannot_hold_is_refused(void **state)
{
	static const struct {
		enum pki_format format;
		unsigned include;
		size_t count;
	} table[] = { { PKI_FORMAT_DER, C | CH, 1 }, { PKI_FORMAT_DER, C, 2 },
		{ PKI_FORMAT_DER, K, 1 }, { PKI_FORMAT_P7B, C | K, 1 }, { PKI_FORMAT_P8, C | K, 1 },
		{ PKI_FORMAT_P12, C, 1 }, { PKI_FORMAT_P12, K | CH, 1 }, { PKI_FORMAT_PEM, 0, 1 },
		{ PKI_FORMAT_PEM, C | K, 2 }, { PKI_FORMAT_NONE, C, 1 } };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++)
		assert_non_null(
		        pki_format_objection(table[i].format, table[i].include, table[i].count));
}

static void words_of_include(void **state)
{
	static const char *const bad[] = { "", ",", "key,", "key,key", "Certificate", "keys",
		"certificate key" };
	unsigned include;

	(void)state;
	assert_int_equal(pki_with_of("chain,certificate,key", &include), CS_OK);
	assert_string_equal(pki_with_text(include), "certificate,key,chain");
	for (size_t i = 0; i < CS_COUNT(bad); i++)
		assert_int_equal(pki_with_of(bad[i], &include), CS_EUSAGE);
}

static void passphrases_have_twelve_characters(void **state)
{
	(void)state;
	assert_null(pki_passphrase_objection("twelve chars"));
	assert_non_null(pki_passphrase_objection("eleven char"));
	assert_non_null(
	        pki_passphrase_objection("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc"));
	assert_non_null(pki_passphrase_objection("\xff twelve and more"));
}

static struct pki_export wish(enum pki_format format, unsigned include, const char *passphrase,
        const struct pki_export_item *item)
{
	return (struct pki_export){ .format = format,
		.include = include,
		.items = item,
		.count = 1,
		.pkcs8 = fx_key(&a),
		.name = "gr\xc3\xbc\xc3\x9f",
		.passphrase = passphrase };
}

/* What our own intake finds in it. */
static void expect(const struct pki_export *what, size_t keys, size_t chain)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(CS_EXPORT_MAX);
	CS_AUTO(intake_free) struct intake *intake = NULL;
	const struct intake_pair *pairs;
	const char *reason;

	assert_int_equal(pki_export(what, &file), CS_OK);
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(intake_new(&intake), CS_OK);
	assert_int_equal(intake_add(intake, "f", cs_buf_view(&file), what->passphrase), CS_OK);
	assert_int_equal(intake_finish(intake, &reason), CS_OK);
	assert_int_equal(intake_pairs(intake, &pairs), 1);
	assert_int_equal(pairs[0].pkcs8.n > 0, keys);
	assert_int_equal(pairs[0].chain_count, chain);
	assert_true(cs_bytes_equal(pairs[0].leaf->der, fx_der(&a)));
	if (keys > 0)
		assert_true(cs_bytes_equal(pairs[0].pkcs8, fx_key(&a)));
}

static void our_intake_takes_what_goes_out(void **state)
{
	const struct cs_bytes chain[] = { fx_der(&ca) };
	const struct pki_export_item item = { fx_der(&a), chain, 1 };
	struct pki_export what;

	(void)state;
	expect(&(struct pki_export){ PKI_FORMAT_DER, C, &item, 1, .name = "" }, 0, 0);
	expect(&(struct pki_export){ PKI_FORMAT_P7B, C | CH, &item, 1, .name = "" }, 0, 1);
	what = wish(PKI_FORMAT_PEM, C | K | CH, NULL, &item);
	expect(&what, 1, 1);
	what = wish(PKI_FORMAT_PEM, C | K | CH, UTF8, &item);
	expect(&what, 1, 1);
	what = wish(PKI_FORMAT_P12, C | K | CH, UTF8, &item);
	expect(&what, 1, 1);
	what.legacy = true;
	expect(&what, 1, 1);
	what.include = C | K;
	expect(&what, 1, 0);
}

static void a_pkcs12_costs_what_the_guide_asks(void **state)
{
	const struct pki_export_item item = { fx_der(&a), NULL, 0 };
	const struct pki_export what = wish(PKI_FORMAT_P12, C | K, UTF8, &item);
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(CS_EXPORT_MAX);
	CS_AUTO(p12_content_free) struct p12_content content;

	(void)state;
	assert_int_equal(pki_export(&what, &file), CS_OK);
	assert_int_equal(p12_open(cs_buf_view(&file), UTF8, false, &content), CS_OK);
	assert_int_equal(content.mac_iterations, PKI_HUMAN_ROUNDS);
	assert_string_equal(content.name, "gr\xc3\xbc\xc3\x9f");
}

static void several_share_their_issuer(void **state)
{
	const struct cs_bytes chain[] = { fx_der(&ca) };
	const struct pki_export_item items[] = { { fx_der(&a), chain, 1 },
		{ fx_der(&b), chain, 1 } };
	const struct pki_export what = { PKI_FORMAT_PEM, C | CH, items, 2, .name = "" };
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(CS_EXPORT_MAX);
	size_t n = 0;

	(void)state;
	assert_int_equal(pki_export(&what, &file), CS_OK);
	for (const char *p = cs_buf_text(&file); (p = strstr(p, "BEGIN CERT")) != NULL; p++)
		n++;
	assert_int_equal(n, 3);
}

static void nothing_half_goes_out(void **state)
{
	const struct pki_export_item item = { fx_der(&a), NULL, 0 };
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(CS_EXPORT_MAX);
	struct pki_export what = wish(PKI_FORMAT_P12, C | K, NULL, &item);

	(void)state;
	assert_int_equal(pki_export(&what, &file), CS_ENOPASSPHRASE);
	what = wish(PKI_FORMAT_P12, C | K, PASS, &item);
	what.pkcs8 = fx_key(&b);
	assert_int_equal(pki_export(&what, &file), CS_EMISMATCH);
	what = wish(PKI_FORMAT_P8, K, PASS, &item);
	what.pkcs8.n--;
	assert_int_equal(pki_export(&what, &file), CS_EMALFORMED);
	what = wish(PKI_FORMAT_P7B, CH, NULL, &item);
	assert_int_equal(pki_export(&what, &file), CS_EEMPTY);
	assert_int_equal(file.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_format_follows_what_is_included),
		cmocka_unit_test(what_a_format_cannot_hold_is_refused),
		cmocka_unit_test(words_of_include),
		cmocka_unit_test(passphrases_have_twelve_characters),
		cmocka_unit_test(our_intake_takes_what_goes_out),
		cmocka_unit_test(a_pkcs12_costs_what_the_guide_asks),
		cmocka_unit_test(several_share_their_issuer),
		cmocka_unit_test(nothing_half_goes_out),
	};

	return cmocka_run_group_tests(tests, mint, NULL);
}
