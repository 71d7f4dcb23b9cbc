#include <stdlib.h>
#include <string.h>
#include "proto/base/limits.h"
#include "store/pki/intake_parts.h"
#include "store/pki/p12.h"

enum cs_err intake_read_p8(struct intake_file *file, struct cs_bytes der)
{
	const uint8_t *p = der.p;
	CS_AUTO(ossl_p8_free)
	PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);

	if (p8 == NULL)
		return intake_note(
		        file, "private key", CS_EMALFORMED, "a private key that does not decode");
	if (p != der.p + der.n)
		return intake_note(file, "private key", CS_ETRAILING,
		        "bytes after the end of the private key");
	return intake_take_p8(file, p8);
}

enum cs_err intake_read_encrypted_p8(struct intake_file *file, struct cs_bytes der)
{
	static const char what[] = "encrypted private key";
	const X509_ALGOR *alg = NULL;
	const uint8_t *p = der.p;
	CS_AUTO(ossl_sig_free) X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)der.n);

	if (sig == NULL)
		return intake_note(
		        file, what, CS_EMALFORMED, "an encrypted private key that does not decode");
	if (p != der.p + der.n)
		return intake_note(
		        file, what, CS_ETRAILING, "bytes after the end of the private key");
	X509_SIG_get0(sig, &alg, NULL);
	const enum cs_err rc = pbe_check(&file->intake->budget, alg);
	if (rc != CS_OK)
		return intake_note(file, what, rc, file->intake->budget.reason);
	if (file->passphrase == NULL)
		return intake_note(
		        file, what, CS_ENOPASSPHRASE, "the private key needs its passphrase");
	CS_AUTO(ossl_p8_free)
	PKCS8_PRIV_KEY_INFO *p8 = PKCS8_decrypt_ex(
	        sig, file->passphrase, (int)strlen(file->passphrase), pbe_context(true), NULL);
	if (p8 == NULL)
		return intake_note(file, what, CS_EPASSPHRASE,
		        "the passphrase is wrong, or the key was changed");
	return intake_take_p8(file, p8);
}

static enum cs_err take_x509(struct intake_file *file, const X509 *x)
{
	uint8_t *der = NULL;
	const int n = i2d_X509(x, &der);

	if (n <= 0)
		return intake_note(
		        file, "certificate", CS_EMALFORMED, "a certificate that does not encode");
	const enum cs_err rc = intake_take_cert(file, (struct cs_bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return rc;
}

enum cs_err intake_read_p7(struct intake_file *file, struct cs_bytes der)
{
	const uint8_t *p = der.p;
	CS_AUTO(ossl_p7_free) PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.n);

	if (p7 == NULL)
		return intake_note(file, "PKCS#7", CS_EMALFORMED, "a PKCS#7 that does not decode");
	if (p != der.p + der.n)
		return intake_note(
		        file, "PKCS#7", CS_ETRAILING, "bytes after the end of the PKCS#7");
	if (!PKCS7_type_is_signed(p7) || p7->d.sign == NULL)
		return intake_note(file, "PKCS#7", CS_EUNSUPPORTED,
		        "a PKCS#7 of another kind than a certificate list");
	CS_TRY(intake_note(file, "PKCS#7", CS_OK, ""));
	for (int i = 0; i < sk_X509_num(p7->d.sign->cert); i++)
		CS_TRY(take_x509(file, sk_X509_value(p7->d.sign->cert, i)));
	return CS_OK;
}

static enum cs_err read_p12(struct intake_file *file, struct cs_bytes der)
{
	struct intake *self = file->intake;
	CS_AUTO(p12_content_free) struct p12_content content = { .arena = NULL };
	const enum cs_err rc = p12_open(der, file->passphrase, true, &content);

	if (rc != CS_OK)
		return intake_note(file, "PKCS#12", rc, content.reason);
	if (content.mac_iterations > self->kdf_iterations)
		self->kdf_iterations = content.mac_iterations;
	file->friendly = cs_arena_text(self->arena, content.name, strlen(content.name));
	if (file->friendly == NULL)
		return CS_ENOMEM;
	CS_TRY(intake_note(file, "PKCS#12", CS_OK, ""));
	for (size_t i = 0; i < content.cert_count; i++)
		CS_TRY(intake_take_cert(file, content.certs[i]));
	for (size_t i = 0; i < content.key_count; i++)
		CS_TRY(intake_read_p8(file, content.keys[i]));
	file->friendly = "";
	return CS_OK;
}

static enum cs_err read_plain_key(struct intake_file *file, struct cs_bytes der)
{
	const uint8_t *p = der.p;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.n);

	if (pkey == NULL || p == der.p + der.n)
		return intake_take_key(file, pkey);
	EVP_PKEY_free(pkey);
	return intake_note(
	        file, "private key", CS_ETRAILING, "bytes after the end of the private key");
}

static bool is_request(struct cs_bytes der)
{
	const uint8_t *p = der.p;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
	const bool is = req != NULL;

	X509_REQ_free(req);
	return is;
}

/* A certificate and a request start with SEQUENCE, SEQUENCE; an encrypted key has an OID inside the
 * second. */
static enum cs_err read_nested(struct intake_file *file, struct cs_bytes der)
{
	const uint8_t *p = der.p;
	CS_AUTO(ossl_sig_free) X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)der.n);

	if (sig != NULL)
		return intake_read_encrypted_p8(file, der);
	if (is_request(der))
		return intake_skip(file, "certificate request", CS_EUNSUPPORTED,
		        "a request, not a certificate");
	return intake_take_cert(file, der);
}

/* The tag, and the value of a first small INTEGER, right inside the outer SEQUENCE; tag -1 if there
 * is none. */
struct opening {
	int tag;
	int64_t integer;
};

static struct opening open_sequence(struct cs_bytes der)
{
	const uint8_t *p = der.p;
	struct opening out = { -1, -1 };
	int tag = 0, class = 0;
	long n = 0;

	if ((ASN1_get_object(&p, &n, &tag, &class, (long)der.n) & 0x80) != 0 ||
	        tag != V_ASN1_SEQUENCE)
		return out;
	const uint8_t *inner = p;
	const long left = (long)(der.p + der.n - p);
	if (left <= 0 || (ASN1_get_object(&p, &n, &tag, &class, left) & 0x80) != 0 ||
	        class != V_ASN1_UNIVERSAL)
		return out;
	out.tag = tag;
	if (tag != V_ASN1_INTEGER || n > 8)
		return out;
	ASN1_INTEGER *number = d2i_ASN1_INTEGER(NULL, &inner, left);
	if (number != NULL)
		ASN1_INTEGER_get_int64(&out.integer, number);
	ASN1_INTEGER_free(number);
	return out;
}

enum cs_err intake_read_der(struct intake_file *file, struct cs_bytes der)
{
	const struct opening opening = open_sequence(der);

	switch (opening.tag) {
	case V_ASN1_INTEGER: /* a key begins with version 0 or 1, a PFX with 3 */
		return opening.integer == 3 ? read_p12(file, der) : read_plain_key(file, der);
	case V_ASN1_OBJECT:
		return intake_read_p7(file, der);
	case V_ASN1_SEQUENCE:
		return read_nested(file, der);
	default:
		return intake_note(
		        file, "unknown", CS_EMALFORMED, "neither PEM, DER nor PKCS#12, or cut off");
	}
}
