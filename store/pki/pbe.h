/* store/pki/pbe.h: what password-based encryption would cost, read from its parameters before any
 * key is derived. */
#pragma once
#include <openssl/x509.h>
#include "proto/base/cs.h"

/* Key derivation that one file may ask for, in hash rounds: the bound of one count does not help
 * against many of them. */
struct pbe_budget {
	int64_t left;
	bool legacy; /* RC2, RC4 and single DES may be used */
	const char *reason; /* of the last refusal; static */
};
struct pbe_budget pbe_budget_new(bool legacy);

/* ITER NULL stands for the default 1. *OUT (may be NULL) is the count. CS_EITERATIONS outside 1 to
 * CS_KDF_ITERATIONS_MAX, or when the budget is used up by it. */
CS_MUST enum cs_err pbe_charge(struct pbe_budget *self, const ASN1_INTEGER *iter, int *out);
CS_MUST enum cs_err pbe_salt_check(
        struct pbe_budget *self, const ASN1_STRING *salt); /* CS_EITERATIONS too */
/* PBES1, PKCS#12 PBE and PBES2 with PBKDF2 or scrypt. CS_EITERATIONS, CS_EUNSUPPORTED,
 * CS_EMALFORMED. */
CS_MUST enum cs_err pbe_check(struct pbe_budget *self, const X509_ALGOR *alg);
CS_MUST enum cs_err pbe_refuse(struct pbe_budget *self, enum cs_err err, const char *reason);

/* A PBKDF2 AlgorithmIdentifier, charged. SALT points into KDF's own memory: free *OUT with
 * PBKDF2PARAM_free. */
CS_MUST enum cs_err pbe_pbkdf2(
        struct pbe_budget *self, const X509_ALGOR *kdf, PBKDF2PARAM **out, int *iterations);

/* The library context in which files are opened: with the legacy provider in a private one, else
 * the default (NULL). The first call with LEGACY loads providers from disk. */
OSSL_LIB_CTX *pbe_context(bool legacy);
