#include "store/pki/export.h"
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/ossl.h"
#include "store/pki/p12.h"

typedef STACK_OF(X509) x509_stack;

static const char *const formats[] = { "?", "der", "pem", "p7b", "p8", "p12" };
static const char *const withs[] = { "certificate", "key", "chain" };

const char *pki_format_name(enum pki_format format)
{
	return (size_t)format < CS_COUNT(formats) ? formats[format] : formats[0];
}

enum pki_format pki_format_of(const char *name)
{
	for (size_t i = 1; i < CS_COUNT(formats); i++)
		if (strcmp(name, formats[i]) == 0)
			return (enum pki_format)i;
	return PKI_FORMAT_NONE;
}

enum cs_err pki_with_of(const char *text, unsigned *out)
{
	*out = 0;
	for (;;) {
		const size_t n = strcspn(text, ",");
		unsigned bit = 0;
		for (size_t i = 0; i < CS_COUNT(withs); i++)
			if (n == strlen(withs[i]) && strncmp(text, withs[i], n) == 0)
				bit = 1u << i;
		if (bit == 0 || (*out & bit) != 0)
			return CS_EUSAGE;
		*out |= bit;
		if (text[n] == '\0')
			return CS_OK;
		text += n + 1;
	}
}

const char *pki_with_text(unsigned include)
{
	static const char *const texts[] = { "", "certificate", "key", "certificate,key", "chain",
		"certificate,chain", "key,chain", "certificate,key,chain" };

	return texts[include % CS_COUNT(texts)];
}

enum pki_format pki_format_for(unsigned include, size_t count)
{
	if ((include & PKI_WITH_KEY) == 0)
		return include == PKI_WITH_CERTIFICATE && count == 1 ? PKI_FORMAT_DER
		                                                     : PKI_FORMAT_P7B;
	if (include == PKI_WITH_KEY)
		return PKI_FORMAT_P8;
	return (include & PKI_WITH_CERTIFICATE) != 0 ? PKI_FORMAT_P12 : PKI_FORMAT_PEM;
}

const char *pki_format_objection(enum pki_format format, unsigned include, size_t count)
{
	const bool key = (include & PKI_WITH_KEY) != 0;

	if (include == 0)
		return "nothing is included";
	if (key && count != 1)
		return "a file with a private key holds one certificate; export them one by one";
	switch (format) {
	case PKI_FORMAT_DER:
		return include == PKI_WITH_CERTIFICATE && count == 1
		               ? NULL
		               : "DER holds one certificate and nothing else";
	case PKI_FORMAT_P7B:
		return key ? "PKCS#7 holds certificates, never a key" : NULL;
	case PKI_FORMAT_P8:
		return include == PKI_WITH_KEY ? NULL : "PKCS#8 holds a private key alone";
	case PKI_FORMAT_P12:
		return key && (include & PKI_WITH_CERTIFICATE) != 0
		               ? NULL
		               : "PKCS#12 holds a certificate with its private key";
	case PKI_FORMAT_PEM:
		return NULL;
	default:
		return "the formats are der, pem, p7b, p8 and p12";
	}
}

const char *pki_passphrase_objection(const char *passphrase)
{
	size_t characters = 0;

	if (!cs_text_ok(passphrase, CS_PASSPHRASE_MAX))
		return "a passphrase is UTF-8 text without control characters";
	for (const char *p = passphrase; *p != '\0'; p++)
		characters += ((uint8_t)*p & 0xc0) != 0x80;
	return characters >= PKI_PASSPHRASE_MIN
	               ? NULL
	               : "a passphrase that protects a private key has at least 12 characters";
}

static void stack_free(x509_stack **stack)
{
	sk_X509_pop_free(*stack, X509_free);
	*stack = NULL;
}

/* Once each, in the order in which they come. */
static enum cs_err stack_add(x509_stack *stack, struct cs_bytes der)
{
	const uint8_t *p = der.p;
	CS_AUTO(ossl_x509_free) X509 *x = der.n > 0 ? d2i_X509(NULL, &p, (long)der.n) : NULL;

	if (x == NULL || p != der.p + der.n)
		return CS_EMALFORMED;
	for (int i = 0; i < sk_X509_num(stack); i++)
		if (X509_cmp(sk_X509_value(stack, i), x) == 0)
			return CS_OK;
	if (sk_X509_push(stack, x) <= 0)
		return CS_ENOMEM;
	x = NULL;
	return CS_OK;
}

static enum cs_err stack_of(const struct pki_export *what, x509_stack **out)
{
	CS_AUTO(stack_free) x509_stack *stack = sk_X509_new_null();

	if (stack == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < what->count; i++) {
		const struct pki_export_item *item = &what->items[i];
		if ((what->include & PKI_WITH_CERTIFICATE) != 0)
			CS_TRY(stack_add(stack, item->leaf));
		for (size_t k = 0; k < item->chain_count && (what->include & PKI_WITH_CHAIN) != 0;
		        k++)
			CS_TRY(stack_add(stack, item->chain[k]));
	}
	*out = CS_STEAL(stack);
	return CS_OK;
}

/* Signed data without signers: how certificates travel in PKCS#7. */
static enum cs_err write_p7b(const struct pki_export *what, BIO *bio)
{
	CS_AUTO(stack_free) x509_stack *certs = NULL;
	CS_AUTO(ossl_p7_free) PKCS7 *p7 = PKCS7_new();

	CS_TRY(stack_of(what, &certs));
	if (sk_X509_num(certs) == 0)
		return CS_EEMPTY;
	if (p7 == NULL || PKCS7_set_type(p7, NID_pkcs7_signed) != 1 ||
	        PKCS7_content_new(p7, NID_pkcs7_data) != 1 || PKCS7_set_detached(p7, 1) != 1)
		return CS_ENOMEM;
	p7->d.sign->cert = CS_STEAL(certs);
	return i2d_PKCS7_bio(bio, p7) == 1 ? CS_OK : CS_ECRYPTO;
}

static enum cs_err key_of(struct cs_bytes der, PKCS8_PRIV_KEY_INFO **out)
{
	const uint8_t *p = der.p;
	CS_AUTO(ossl_p8_free)
	PKCS8_PRIV_KEY_INFO *p8 = der.n > 0 ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n) : NULL;

	if (p8 == NULL || p != der.p + der.n)
		return CS_EMALFORMED;
	*out = CS_STEAL(p8);
	return CS_OK;
}

static X509_SIG *encrypted(const struct pki_export *what, PKCS8_PRIV_KEY_INFO *key)
{
	X509_ALGOR *algorithm = what->legacy
	                                ? PKCS5_pbe_set(NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
	                                          PKI_OLD_ROUNDS, NULL, 0)
	                                : PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PKI_HUMAN_ROUNDS,
	                                          NULL, 0, NULL, NID_hmacWithSHA256);
	if (algorithm == NULL)
		return NULL;
	X509_SIG *sig =
	        PKCS8_set0_pbe(what->passphrase, (int)strlen(what->passphrase), key, algorithm);
	if (sig == NULL)
		X509_ALGOR_free(algorithm);
	return sig;
}

static enum cs_err write_key(const struct pki_export *what, bool pem, BIO *bio)
{
	CS_AUTO(ossl_p8_free) PKCS8_PRIV_KEY_INFO *key = NULL;
	int ok;

	CS_TRY(key_of(what->pkcs8, &key));
	if (what->passphrase == NULL) {
		ok = pem ? PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, key)
		         : i2d_PKCS8_PRIV_KEY_INFO_bio(bio, key);
		return ok == 1 ? CS_OK : CS_ECRYPTO;
	}
	CS_AUTO(ossl_sig_free) X509_SIG *sig = encrypted(what, key);
	if (sig == NULL)
		return CS_ECRYPTO;
	ok = pem ? PEM_write_bio_PKCS8(bio, sig) : i2d_PKCS8_bio(bio, sig);
	return ok == 1 ? CS_OK : CS_ECRYPTO;
}

/* Key, certificate, chain: the order that servers want in one file. */
static enum cs_err write_pem(const struct pki_export *what, BIO *bio)
{
	CS_AUTO(stack_free) x509_stack *certs = NULL;

	CS_TRY(stack_of(what, &certs));
	if ((what->include & PKI_WITH_KEY) != 0)
		CS_TRY(write_key(what, true, bio));
	for (int i = 0; i < sk_X509_num(certs); i++)
		if (PEM_write_bio_X509(bio, sk_X509_value(certs, i)) != 1)
			return CS_ECRYPTO;
	return BIO_pending(bio) > 0 ? CS_OK : CS_EEMPTY;
}

static enum cs_err write_p12(const struct pki_export *what, struct cs_buf *out)
{
	const struct pki_export_item *item = &what->items[0];
	const bool chain = (what->include & PKI_WITH_CHAIN) != 0;

	if (what->passphrase == NULL)
		return CS_ENOPASSPHRASE;
	return p12_write(item->leaf, what->pkcs8, item->chain, chain ? item->chain_count : 0,
	        what->name, what->passphrase, what->legacy ? P12_OLD : P12_HUMAN, out);
}

/* BIO_s_secmem would be wiped, but so is a memory BIO of ours: its bytes are cleansed here. */
static enum cs_err drain(BIO *bio, struct cs_buf *out)
{
	char *bytes = NULL;
	const long n = BIO_get_mem_data(bio, &bytes);

	if (n <= 0)
		return CS_EEMPTY;
	const enum cs_err rc = cs_buf_add(out, bytes, (size_t)n);
	OPENSSL_cleanse(bytes, (size_t)n);
	return rc;
}

static enum cs_err write_bio(const struct pki_export *what, struct cs_buf *out)
{
	CS_AUTO(ossl_bio_free) BIO *bio = BIO_new(BIO_s_secmem());
	enum cs_err rc;

	if (bio == NULL)
		return CS_ENOMEM;
	switch (what->format) {
	case PKI_FORMAT_PEM:
		rc = write_pem(what, bio);
		break;
	case PKI_FORMAT_P8:
		rc = write_key(what, false, bio);
		break;
	default:
		rc = write_p7b(what, bio);
	}
	return rc == CS_OK ? drain(bio, out) : rc;
}

static enum cs_err write_der(struct cs_bytes leaf, struct cs_buf *out)
{
	return leaf.n > 0 ? cs_buf_add(out, leaf.p, leaf.n) : CS_EEMPTY;
}

enum cs_err pki_export(const struct pki_export *what, struct cs_buf *out)
{
	if (what->count == 0 ||
	        pki_format_objection(what->format, what->include, what->count) != NULL)
		return CS_EUSAGE;
	ERR_set_mark();
	const enum cs_err rc = what->format == PKI_FORMAT_DER ? write_der(what->items[0].leaf, out)
	                       : what->format == PKI_FORMAT_P12 ? write_p12(what, out)
	                                                        : write_bio(what, out);
	ERR_pop_to_mark();
	return rc;
}
