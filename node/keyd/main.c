/* certspan-keyd: see README.md of this folder. */
#include <stdio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <sodium.h>
#include "node/keyd/keyd.h"
#include "node/keyd/lock.h"
#include "node/sandbox/seccomp.h"
#include "proto/base/log.h"

/* OpenSSL reads its configuration and builds its tables at first use: all that before the sandbox.
 */
static enum cs_err warm_up(void)
{
	CS_AUTO(signkey_free) struct signkey *key = NULL;

	if (OPENSSL_init_crypto(
	            OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1)
		return CS_ECRYPTO;
	EVP_PKEY *fresh = EVP_EC_gen("P-256");
	if (fresh == NULL)
		return CS_ECRYPTO;
	CS_TRY(signkey_new(fresh, &key));
	return signkey_warm(key);
}

static enum cs_err open_vault(const struct wire_config *config, struct vault **out)
{
	char path[CS_TEXT_MAX + 16];
	struct keyd_key key;

	snprintf(path, sizeof(path), "%s/keyd.key", config->state_dir);
	enum cs_err rc = keyd_key_read(path, &key);
	if (rc != CS_OK) {
		cs_error("%s: %s; without it no bundle of this node can be opened", path,
		        cs_err_text(rc));
		return rc;
	}
	rc = vault_new(config->state_dir, config->name, config->map_size, &key, out);
	sodium_memzero(&key, sizeof(key));
	return rc;
}

/* *FILES_OPEN: there is no store yet, so files can be opened until there is one. */
static enum cs_err confine(struct role *role, struct vault *vault, bool *files_open)
{
	char note[64];

	const bool locked = lock_memory_so_far();
	const enum cs_err attached = vault_attach(vault);
	*files_open = !vault_attached(vault);
	if (attached != CS_OK)
		cs_notice("the store is not ready: %s; trying on", cs_err_text(attached));
	if (!*files_open)
		lock_memory_to_come();
	const enum cs_err rc = sandbox_seccomp(*files_open ? SANDBOX_OPENS : SANDBOX_PLAIN);
	if (rc != CS_OK)
		cs_warning("seccomp is not active: %s; going on without", cs_err_text(rc));
	snprintf(note, sizeof(note), "%s %s", rc == CS_OK ? "seccomp" : "no-seccomp",
	        locked ? "mlock" : "no-mlock");
	return role_ready(role, note);
}

static enum cs_err serve(struct role *role)
{
	CS_AUTO(vault_free) struct vault *vault = NULL;
	CS_AUTO(keymill_free) struct keymill *mill = NULL;
	CS_AUTO(keyd_free) struct keyd *keyd = NULL;
	bool files_open = true;

	CS_TRY(warm_up());
	CS_TRY(open_vault(role->config, &vault));
	CS_TRY(keymill_new(&mill)); /* a thread: the sandbox allows none later */
	CS_TRY(confine(role, vault, &files_open));
	CS_TRY(keyd_new(role, vault, mill, files_open, &keyd));
	return keyd_run(keyd);
}

int main(void)
{
	struct role role;

	enum cs_err rc = role_begin("keyd", &role);
	if (rc != CS_OK)
		return cs_err_exit(rc);
	rc = serve(&role);
	if (rc != CS_OK && rc != CS_EAGAIN)
		cs_error("ending: %s", cs_err_text(rc));
	role_end(&role);
	return cs_err_exit(rc);
}
