/* store/pki/ossl.h: OpenSSL objects that free themselves at the end of their scope:
 * CS_AUTO(ossl_x509_free) X509 *x = ... */
#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "proto/base/cs.h"

#define OSSL_FREE(name, type, call)                                                                \
	static inline void ossl_##name##_free(type **p)                                            \
	{                                                                                          \
		call(*p);                                                                          \
		*p = NULL;                                                                         \
	}

OSSL_FREE(x509, X509, X509_free)
OSSL_FREE(names, GENERAL_NAMES, GENERAL_NAMES_free)
OSSL_FREE(bio, BIO, BIO_free_all)
OSSL_FREE(pkey, EVP_PKEY, EVP_PKEY_free)
OSSL_FREE(p8, PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)
OSSL_FREE(sig, X509_SIG, X509_SIG_free)
OSSL_FREE(p12, PKCS12, PKCS12_free)
OSSL_FREE(p7, PKCS7, PKCS7_free)
OSSL_FREE(kdf_ctx, EVP_KDF_CTX, EVP_KDF_CTX_free)
OSSL_FREE(kdf, EVP_KDF, EVP_KDF_free)

static inline struct cs_bytes ossl_bytes(const ASN1_STRING *s)
{
	if (s == NULL)
		return (struct cs_bytes){ NULL, 0 };
	return (struct cs_bytes){ ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) };
}
