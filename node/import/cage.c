#include "node/import/cage.h"
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include "node/sandbox/seccomp.h"
#include "store/pki/p12.h"

#define CPU_SECONDS 5
#define ADDRESS_BYTES (512ul << 20)
#define DESCRIPTORS 16

#if defined(__SANITIZE_ADDRESS__)
#define SHADOWED 1 /* terabytes of addresses */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHADOWED 1
#endif
#endif

/* Old PKCS#12 files need the legacy provider, which is a file of its own. */
static enum cs_err warm_up(void)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (OPENSSL_init_crypto(
	            OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1)
		return CS_ECRYPTO;
	if (sodium_init() < 0)
		return CS_ECRYPTO;
	p12_prepare_legacy();
	return EVP_Digest("", 0, digest, &n, EVP_sha256(), NULL) == 1 ? CS_OK : CS_ECRYPTO;
}

static enum cs_err limit(int resource, rlim_t soft, rlim_t hard)
{
	const struct rlimit most = { soft, hard };

	return setrlimit((__rlimit_resource_t)resource, &most) == 0 ? CS_OK : cs_err_errno(errno);
}

enum cs_err cage_enter(bool *seccomp)
{
	*seccomp = false;
	CS_TRY(warm_up());
	signal(SIGXFSZ, SIG_IGN); /* a log line that goes to a file then fails, and nothing else */
	CS_TRY(limit(RLIMIT_CPU, CPU_SECONDS, CPU_SECONDS + 1));
#ifndef SHADOWED
	CS_TRY(limit(RLIMIT_AS, ADDRESS_BYTES, ADDRESS_BYTES));
#endif
	CS_TRY(limit(RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS));
	CS_TRY(limit(RLIMIT_FSIZE, 0, 0));
	CS_TRY(limit(RLIMIT_NPROC, 0, 0));
	const enum cs_err rc = sandbox_seccomp(SANDBOX_PLAIN);
	*seccomp = rc == CS_OK;
	return rc == CS_EUNSUPPORTED ? CS_OK : rc; /* the limits alone must do, as the log says */
}
