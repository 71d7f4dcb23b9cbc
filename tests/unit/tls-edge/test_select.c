#include "tests/unit/tls-edge/house.h"

static struct house *h;
static int site, wild, exact, rsa, p384;

static int setup(void **state)
{
	(void)state;
	h = house_new("", 10, 60);
	site = house_add(h, (struct fx_spec){ .san = "DNS:site.test" });
	wild = house_add(h, (struct fx_spec){ .san = "DNS:*.site.test" });
	exact = house_add(h, (struct fx_spec){ .san = "DNS:www.site.test,IP:10.0.0.1" });
	rsa = house_add(
	        h, (struct fx_spec){ .san = "DNS:www.site.test,DNS:rsa.test", .key = "RSA-2048" });
	p384 = house_add(h, (struct fx_spec){ .san = "DNS:p384.test", .key = "P-384" });
	h->fallback = site;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	house_free(h);
	return 0;
}

static void a_name_gets_its_certificate(void **state)
{
	static char longest[256], endless[70] = "";
	const struct {
		const char *sni;
		const int *want;
		const char *why;
	} table[] = {
		{ "site.test", &site, "exact" },
		{ "WWW.Site.TEST", &exact, "exact goes before wildcard, in any case" },
		{ "other.site.test", &wild, "one label under the wildcard" },
		{ "other.site.test.", &wild, "a trailing dot does not count" },
		{ "a.b.site.test", &site, "two labels down: default" },
		{ "nowhere.test", &site, "unmatched: default" },
		{ NULL, &site, "no SNI: default" },
		{ "10.0.0.1", &site,
		        "an address is no name: default, even when a certificate has it" },
		{ "::1", &site, "nor is a v6 address" },
		{ "b\xc3\xbc"
		  "cher.site.test",
		        &site, "illegal bytes: default" },
		{ ".site.test", &site, "an empty label: default" },
		{ "a..site.test", &site, "in the middle too" },
		{ "rsa.test", &rsa, "RSA" },
		{ "p384.test", &p384, "P-384" },
		{ endless, &site, "a label of 64: default" },
		{ longest, &site, "254 bytes: default" },
	};

	(void)state;
	memset(endless, 'a', 64);
	memcpy(endless + 64, ".t", 3);
	for (size_t i = 0; i < 254; i++)
		longest[i] = i % 20 == 19 ? '.' : 'a';
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
			const int got =
			        served(h, (struct wish){ .sni = table[i].sni, .version = version });
			if (got != *table[i].want)
				fail_msg("%s: got %d in version %x", table[i].why, got, version);
		}
	}
}

static void the_key_type_is_one_that_the_client_can_verify(void **state)
{
	(void)state;
	const char *const rsa_only = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256";

	assert_int_equal(
	        served(h, (struct wish){ .sni = "www.site.test", .sigalgs = rsa_only }), rsa);
	assert_int_equal(served(h, (struct wish){ .sni = "www.site.test",
	                                   .sigalgs = rsa_only,
	                                   .version = TLS1_2_VERSION }),
	        rsa);
	assert_int_equal(served(h, (struct wish){ .sni = "www.site.test",
	                                   .version = TLS1_2_VERSION,
	                                   .ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }),
	        rsa);
	assert_int_equal(served(h, (struct wish){ .sni = "www.site.test" }), exact);
}

static void every_offered_scheme_is_signed(void **state)
{
	static const struct {
		const char *sigalgs, *sni;
		int version;
		uint32_t scheme;
	} table[] = {
		{ "ecdsa_secp256r1_sha256", "site.test", TLS1_3_VERSION, 0x0403 },
		{ "ecdsa_secp384r1_sha384", "p384.test", TLS1_3_VERSION, 0x0503 },
		{ "rsa_pss_rsae_sha256", "rsa.test", TLS1_3_VERSION, 0x0804 },
		{ "rsa_pss_rsae_sha384", "rsa.test", TLS1_3_VERSION, 0x0805 },
		{ "rsa_pss_rsae_sha512", "rsa.test", TLS1_3_VERSION, 0x0806 },
		{ "ECDSA+SHA256", "site.test", TLS1_2_VERSION, 0x0403 },
		{ "ECDSA+SHA384", "site.test", TLS1_2_VERSION, 0x0503 },
		{ "ECDSA+SHA256", "p384.test", TLS1_2_VERSION, 0x0403 },
		{ "rsa_pss_rsae_sha256", "rsa.test", TLS1_2_VERSION, 0x0804 },
		{ "rsa_pss_rsae_sha512", "rsa.test", TLS1_2_VERSION, 0x0806 },
		{ "RSA+SHA256", "rsa.test", TLS1_2_VERSION, 0x0401 },
		{ "RSA+SHA384", "rsa.test", TLS1_2_VERSION, 0x0501 },
		{ "RSA+SHA512", "rsa.test", TLS1_2_VERSION, 0x0601 },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const struct wish w = { .sni = table[i].sni,
			.sigalgs = table[i].sigalgs,
			.version = table[i].version };
		if (served(h, w) < 0)
			fail_msg("%s in %x fails", table[i].sigalgs, table[i].version);
		assert_int_equal(h->last_scheme, table[i].scheme);
		assert_int_equal(h->last_tls13, table[i].version == TLS1_3_VERSION);
	}
}

static void old_protocols_and_foreign_schemes_fail_cleanly(void **state)
{
	(void)state;
	assert_int_equal(served(h, (struct wish){ .sni = "site.test",
	                                   .version = TLS1_1_VERSION,
	                                   .ciphers = "DEFAULT:@SECLEVEL=0" }),
	        -1);
	assert_int_equal(served(h, (struct wish){ .sni = "site.test",
	                                   .version = TLS1_2_VERSION,
	                                   .ciphers = "AES128-GCM-SHA256" }),
	        -1);
	assert_int_equal(served(h, (struct wish){ .sni = "site.test", .sigalgs = "ed25519" }), -1);
	assert_int_equal(served(h, (struct wish){ .sni = "site.test" }), site);
}

static void without_any_certificate_there_is_an_alert(void **state)
{
	(void)state;
	h->fallback = -1;
	assert_int_equal(served(h, (struct wish){ .sni = "nowhere.test" }), -1);
	assert_int_equal(served(h, (struct wish){ 0 }), -1);
	assert_int_equal(served(h, (struct wish){ .sni = "site.test" }), site);
	h->fallback = site;
}

static void an_unreadable_store_serves_what_it_served_and_never_the_default(void **state)
{
	(void)state;
	assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), p384);
	h->broken = CS_ECORRUPT;
	assert_int_equal(served(h, (struct wish){ .sni = "P384.test." }), p384);
	assert_int_equal(served(h, (struct wish){ .sni = "unseen.site.test" }), -1);
	assert_int_equal(served(h, (struct wish){ .sni = "nowhere.test" }), -1);
	assert_int_equal(served(h, (struct wish){ 0 }), -1);
	h->broken = CS_OK;
	assert_int_equal(served(h, (struct wish){ 0 }), site);
}

static void a_change_is_served_by_the_next_handshake(void **state)
{
	(void)state;
	assert_int_equal(served(h, (struct wish){ .sni = "site.test" }), site);
	const int renewed = house_add(h, (struct fx_spec){ .san = "DNS:site.test",
	                                         .same_key = &h->cert[site],
	                                         .days_from = 0,
	                                         .days_to = 120 });
	pki_cert_free(&h->facts[site]);
	assert_int_equal(pki_cert_read(fx_der(&h->cert[wild]), &h->facts[site]),
	        CS_OK); /* the old one vouches for nothing here now */
	assert_int_equal(served(h, (struct wish){ .sni = "site.test" }), renewed);
}

static void parsed_certificates_are_bounded_and_reused(void **state)
{
	(void)state;
	assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), p384);
	const unsigned fetches = h->fetches;
	for (int i = 0; i < 3; i++)
		assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), p384);
	assert_int_equal(h->fetches, fetches);
	const char *const names[] = { "site.test", "a.site.test", "www.site.test",
		"rsa.test" }; /* 4 is the capacity */
	for (size_t i = 0; i < CS_COUNT(names); i++)
		assert_true(served(h, (struct wish){ .sni = names[i] }) >= 0);
	assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), p384);
	assert_true(h->fetches > fetches);
}

/* A resumed handshake asks keyd nothing. */
static bool resumes(const char *first, const char *second, int version)
{
	char page[8192];
	struct client c = client_new(h, (struct wish){ .sni = first, .version = version });

	assert_true(client_handshake(h, &c));
	SSL_write(c.ssl, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_true(client_read(h, &c, page, sizeof(page), NULL) > 0);
	client_end(&c);
	assert_non_null(newest);
	SSL_SESSION_up_ref(newest);
	SSL_SESSION *session = newest;
	c = client_new(h, (struct wish){ .sni = second, .version = version, .session = session });
	assert_true(client_handshake(h, &c));
	const bool reused = SSL_session_reused(c.ssl) == 1;
	SSL_write(c.ssl, "GET / HTTP/1.0\r\nAccept: application/json\r\n\r\n", 44);
	assert_true(client_read(h, &c, page, sizeof(page), NULL) > 0);
	assert_non_null(strstr(page, reused ? "\"resumed\":true" : "\"resumed\":false"));
	assert_non_null(strstr(page, "\"certificate\":\""));
	client_end(&c);
	SSL_SESSION_free(session);
	return reused;
}

static void a_ticket_resumes_under_its_own_name_only(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		assert_true(resumes("p384.test", "p384.test", version));
		assert_true(resumes("p384.test", "P384.TEST", version));
		assert_true(resumes(NULL, NULL, version));
		assert_false(resumes("p384.test", "rsa.test", version));
		assert_false(resumes("p384.test", NULL, version));
		assert_false(resumes(NULL, "p384.test", version));
	}
}

static void keyd_gone_locked_or_stuck_fails_handshakes_fast(void **state)
{
	(void)state;
	h->mood = KEYD_LOCKED;
	assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), -1);
	h->mood = KEYD_SILENT;
	int64_t start = cs_clock_mono_ms();
	assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), -1);
	assert_in_range(cs_clock_mono_ms() - start, KEYLINE_WAIT_MS - 10, KEYLINE_WAIT_MS + 300);
	start = cs_clock_mono_ms();
	assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), -1); /* no second wait */
	assert_in_range(cs_clock_mono_ms() - start, 0, 300);
	keyd_kill(h);
	start = cs_clock_mono_ms();
	assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), -1);
	assert_in_range(cs_clock_mono_ms() - start, 0, 300);
	keyd_start(h);
	assert_int_equal(served(h, (struct wish){ .sni = "p384.test" }), p384);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_gets_its_certificate),
		cmocka_unit_test(the_key_type_is_one_that_the_client_can_verify),
		cmocka_unit_test(every_offered_scheme_is_signed),
		cmocka_unit_test(old_protocols_and_foreign_schemes_fail_cleanly),
		cmocka_unit_test(without_any_certificate_there_is_an_alert),
		cmocka_unit_test(an_unreadable_store_serves_what_it_served_and_never_the_default),
		cmocka_unit_test(parsed_certificates_are_bounded_and_reused),
		cmocka_unit_test(a_ticket_resumes_under_its_own_name_only),
		cmocka_unit_test(keyd_gone_locked_or_stuck_fails_handshakes_fast),
		cmocka_unit_test(a_change_is_served_by_the_next_handshake),
	};

	const int failed = cmocka_run_group_tests(tests, setup, teardown);
	SSL_SESSION_free(newest);
	provider_unload();
	return failed;
}
