/* The command table: parsing, help, completion and the manual page come from it alone. */
#include "node/cli/cli.h"

#define MANY CLI_OPERANDS_MAX
#define PASSPHRASE                                                                                 \
	{ "passphrase-file", 0, "FILE",                                                            \
		"the passphrase's file (- = standard input); one final newline is dropped" },      \
	        { "passphrase-fd", 0, "N", "read the passphrase from descriptor N" },              \
	{                                                                                          \
		"credential", 0, "NAME", "a systemd credential ($CREDENTIALS_DIRECTORY/NAME)"      \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, 0, NULL, NULL                                                                \
	}

const struct cli_option cli_globals[] = {
	{ "output", 'o', "FORM", "table, wide or json" },
	{ "config", 0, "FILE",
	        "$CERTSPAN_CONFIG, else ./certspan.yaml, else /etc/certspan/certspan.yaml" },
	{ "runtime", 0, "DIR", "where api.sock is; else the configuration says it" },
	{ "ack", 0, "MODE", "acknowledged by: local, backup, nodes=N or all" },
	{ "timeout", 0, "S", "how long to wait for an answer" },
	{ "request", 0, "HEX", "request id of a write (32 hex digits): safe to repeat" },
	{ "dry-run", 0, NULL, "say what would change; change nothing" },
	{ "yes", 'y', NULL, "do not ask" },
	{ "no-color", 0, NULL, "no colour; also NO_COLOR" },
	{ "quiet", 'q', NULL, "data and errors only" },
	{ "help", 'h', NULL, "what the command does" },
	END,
};

static const struct cli_option init_options[] = {
	{ "site", 0, "HOST[,HOST]", "site hostnames: what users visit" },
	{ "name", 0, "NAME", "this node's name, as p1" },
	{ "public", 0, "HOST", "this node's own public hostname" },
	{ "internal", 0, "HOST:PORT",
	        "where the other nodes reach this one; bound for replication" },
	{ "state", 0, "DIR", "the state directory [/var/lib/certspan]" },
	{ "edge-listen", 0, "ADDRESS", "HOST:PORT of the TLS edge; may be repeated [0.0.0.0:443]" },
	{ "upstream", 0, "TARGET", "tcp:HOST:PORT or unix:PATH behind the edge" },
	{ "recovery", 0, "FILE",
	        "the recovery file [certspan-recovery-CLUSTER.txt beside the configuration]" },
	{ "recovery-passphrase-file", 0, "FILE",
	        "its passphrase (- = standard input) [a generated one, shown once]" },
	{ "recovery-passphrase-out", 0, "FILE",
	        "write the generated one there (0600), do not show it" },
	END,
};
static const struct cli_option join_options[] = {
	{ "state", 0, "DIR", "the state directory [/var/lib/certspan]" },
	{ "edge-listen", 0, "ADDRESS", "HOST:PORT of the TLS edge; may be repeated [0.0.0.0:443]" },
	{ "internal", 0, "HOST:PORT",
	        "a backup's own replication address, when the token's is not to be bound" },
	{ "upstream", 0, "TARGET", "tcp:HOST:PORT or unix:PATH behind the edge" },
	END,
};
static const struct cli_option status_options[] = {
	{ "watch", 'w', "[=S]", "again every S seconds [2]" },
	{ "local", 0, NULL, "what this node knows of itself alone" },
	{ "exit-code", 0, NULL, "0 in order, 1 warning, 2 critical, 3 unknown" },
	END,
};
static const struct cli_option check_options[] = {
	{ "warning", 'w', "TIME", "warn when a certificate ends in less [25d]" },
	{ "critical", 'c', "TIME", "critical when in less [7d]" },
	{ "lag", 0, "TIME", "critical when a node is behind for longer [5m]" },
	END,
};
static const struct cli_option probe_options[] = {
	{ "all", 0, NULL,
	        "every node, as its own prober saw it a moment ago, and every edge that we reach" },
	{ "connect", 0, "HOST:PORT", "shake hands with this address" },
	{ "sni", 0, "NAME", "send this name instead of HOST" },
	{ "no-sni", 0, NULL, "send no name" },
	END,
};
static const struct cli_option explain_options[] = {
	{ "node", 0, "NAME", "at this node [the one that answers]" },
	{ "client", 0, "KIND", "a client that verifies any, ecdsa or rsa [any]" },
	END,
};
static const struct cli_option list_options[] = {
	{ "state", 0, "WORD",
	        "staged, verified, active, retired, rejected, expiring, expired or not-yet-valid" },
	{ "host", 0, "NAME", "only those that cover NAME" },
	{ "kind", 0, "KIND", "leaf, ca or all [all]" },
	{ "sort", 0, "ORDER", "id, name, expires or issuer [id]" },
	{ "issuer", 0, "TEXT", "only those whose issuer has TEXT in its name" },
	{ "expires-within", 0, "TIME", "only those that end in less, as 30d" },
	{ "default", 0, NULL, "only default certificates" },
	END,
};
static const struct cli_option inspect_options[] = {
	PASSPHRASE,
	{ "against", 0, "ID|FILE", "what kind of change it would be beside this certificate" },
	END,
};
static const struct cli_option import_options[] = {
	PASSPHRASE,
	{ "name", 0, "TEXT", "friendly name" },
	{ "stage", 0, NULL, "never activate" },
	{ "allow", 0, "WHAT", "replacement, name-loss, older or key-type; may be repeated" },
	{ "accept-uncovered", 0, "HOST", "go on though nothing would cover HOST; may be repeated" },
	END,
};
static const struct cli_option default_options[] = {
	{ "node", 0, "NAME", "for this node alone" },
	{ "accept-uncovered", 0, "HOST", "go on though nothing would cover HOST; may be repeated" },
	END,
};
static const struct cli_option delete_options[] = {
	{ "force", 0, NULL, "also a default, the only cover of a hostname, a CA that is needed" },
	END,
};
static const struct cli_option uncovered_options[] = {
	{ "accept-uncovered", 0, "HOST", "go on though nothing would cover HOST; may be repeated" },
	END,
};
static const struct cli_option exit_option[] = {
	{ "exit-code", 0, NULL, "1 when a host is not covered" }, END
};
static const struct cli_option match_options[] = {
	{ "cert", 0, "FILE", "the certificate (PEM or DER)" },
	{ "exit-code", 0, NULL, "1 when a host is not covered" },
	END,
};
static const struct cli_option set_options[] = {
	{ "public", 0, "HOST", "the node's public hostname" },
	{ "internal", 0, "HOST:PORT", "where a primary or backup binds" },
	{ "hostname", 0, "HOST",
	        "a further name of its own; may be repeated and replaces the list" },
	{ "accept-uncovered", 0, "HOST", "go on though nothing would cover HOST; may be repeated" },
	END,
};
static const struct cli_option token_options[] = {
	{ "role", 0, "ROLE", "backup or traffic" },
	{ "name", 0, "NAME", "the new node's name" },
	{ "public", 0, "HOST", "its public hostname" },
	{ "internal", 0, "HOST:PORT", "where a backup binds" },
	{ "hostname", 0, "HOST", "a further name of its own; may be repeated" },
	{ "expires", 0, "TIME", "how long the token is good [1h]" },
	{ "accept-uncovered", 0, "HOST", "go on though nothing covers HOST; may be repeated" },
	END,
};
static const struct cli_option wait_options[] = {
	{ "seq", 0, "N", "this commit [the newest]" },
	{ "for", 0, "MODE", "backup (stored), nodes=N or all (served) [all]" },
	END,
};
static const struct cli_option clear_options[] = {
	{ "node", 0, "NAME", "the node that is to follow the cluster again" },
	END,
};
static const struct cli_option activate_options[] = {
	{ "allow", 0, "WHAT", "replacement, name-loss, older or key-type; may be repeated" },
	{ "accept-uncovered", 0, "HOST", "go on though nothing would cover HOST; may be repeated" },
	END,
};
static const struct cli_option export_options[] = {
	{ "out", 0, "FILE", "where to, mode 0600; - = standard output (no key on a terminal)" },
	{ "include", 0, "WHAT", "certificate, key, chain, with commas [certificate]" },
	{ "format", 0, "FORM",
	        "der, pem, p7b, p8 or p12 [by what is included: one certificate der, several p7b, "
	        "a key alone p8, certificate and key p12]" },
	{ "compat", 0, "legacy", "3DES and SHA-1, for old Windows and Java: weak" },
	PASSPHRASE,
	{ "generate-passphrase", 0, NULL, "make one; it is shown once" },
	{ "passphrase-out", 0, "FILE", "write the generated one there (0600), do not show it" },
	{ "unencrypted", 0, NULL, "the key without any protection (p8 and pem)" },
	{ "force", 0, NULL, "replace a file that is there" },
	END,
};
static const struct cli_option recovery_options[] = {
	{ "out", 0, "FILE", "write a new recovery file, mode 0600" },
	{ "verify", 0, "FILE", "open this one and compare it with the cluster's secret" },
	PASSPHRASE,
	{ "generate-passphrase", 0, NULL, "make one; it is shown once" },
	{ "passphrase-out", 0, "FILE", "write the generated one there (0600), do not show it" },
	{ "force", 0, NULL, "replace a file that is there" },
	END,
};
static const struct cli_option unlock_options[] = {
	{ "recovery", 0, "FILE", "with the secret of this recovery file [the node's key file]" },
	PASSPHRASE,
	END,
};
static const struct cli_option build_options[] = {
	{ "leaf", 0, "FILE", "the certificate (PEM or DER)" },
	{ "pool", 0, "FILE", "CA certificates; may be repeated" },
	{ "roots", 0, "FILE",
	        "trusted roots; may be repeated [every self-signed certificate of the pool]" },
	{ "at", 0, "TIME", "valid at this time, as 2026-11-24T12:00:00Z [now]" },
	{ "exit-code", 0, NULL, "1 when the chain is incomplete" },
	END,
};
static const struct cli_option chain_options[] = {
	{ "auto", 0, NULL, "by the primary, over the CA certificates it has" },
	{ "current", 0, NULL, "as it came with the certificate" },
	{ "file", 0, "PEM", "these issuers, and no others" },
	END,
};
static const struct cli_option demo_options[] = {
	{ "keep", 0, NULL, "leave the cluster running and say how to talk to it" },
	END,
};

static const struct cli_option help_options[] = {
	{ "man", 0, NULL, "the manual page certspan(1), in mdoc" },
	END,
};
static const struct cli_option support_options[] = {
	{ "log", 0, "FILE", "the end of this log too" },
	{ "force", 0, NULL, "over an existing file" },
	END,
};
#define DRAFT                                                                                      \
	{ "name", 0, "TEXT", "friendly name, as the main hostname or month and year" },            \
	        { "key", 0, "KIND", "P-256 (default), P-384, RSA-2048, RSA-3072 or RSA-4096" },    \
	        { "same-key", 0, "CERT", "no new key: that of a stored certificate" },             \
	        { "from", 0, "CERT", "copy every field of a stored certificate, with a new key" }, \
	        { "country", 0, "CC", "C: two letters of ISO 3166" },                              \
	        { "state", 0, "TEXT", "ST: state or province" },                                   \
	        { "locality", 0, "TEXT", "L: city" },                                              \
	        { "organization", 0, "TEXT", "O: company or organization" },                       \
	        { "unit", 0, "TEXT", "OU: organizational unit" },                                  \
	        { "common-name", 0, "TEXT", "CN: a title; a host name is the first SAN too" },     \
	        { "san", 0, "NAME", "a host name, or *.DOMAIN; may be repeated" },                 \
	        { "add-san", 0, "NAME", "one more than --from copies; may be repeated" },          \
	{                                                                                          \
		"allow-ip", 0, NULL, "--san may be an address; most CAs refuse it"                 \
	}
#define KEY_COST                                                                                   \
	"What a handshake costs: P-256 1, RSA-2048 15, P-384 30, RSA-3072 80, RSA-4096 200, "      \
	"which also takes "                                                                        \
	"seconds to make. Ed25519 is refused: no browser takes it."
static const struct cli_option csr_options[] = { DRAFT, END };
static const struct cli_option create_options[] = {
	{ "self-signed", 0, NULL, "must be given: every other certificate comes from a CA" },
	DRAFT,
	{ "days", 0, "N", "how long it is valid [365]" },
	{ "stage", 0, NULL, "never activate" },
	{ "allow", 0, "WHAT", "replacement or name-loss; may be repeated" },
	{ "accept-uncovered", 0, "HOST", "go on though nothing would cover HOST; may be repeated" },
	END,
};
static const struct cli_option pem_option[] = {
	{ "pem", 0, NULL, "the request data alone, to copy" }, END
};

const struct cli_command cli_commands[] = {
	{ "init", "", "make the first primary: configuration, keys, store",
	        "Needs no daemon. Writes the configuration if it is absent.", init_options, 0, 0,
	        cli_init },
	{ "join", "TOKEN", "make this host a node by a token (- = standard input)",
	        "The token comes from `certspan node token create` on the primary.", join_options,
	        1, 1, cli_join },
	{ "status", "", "the cluster at a glance, problems with their next steps", NULL,
	        status_options, 0, 0, cli_status },
	{ "check", "", "one line for monitoring, exit 0/1/2/3", NULL, check_options, 0, 0,
	        cli_check },
	{ "probe", "[HOST]", "a real handshake: what is served, against what should be", NULL,
	        probe_options, 0, 1, cli_probe },
	{ "explain", "HOST", "why clients of HOST get the certificate that they get",
	        "HOST \"\" is a client that sends no name.", explain_options, 1, 1, cli_explain },
	{ "demo", "", "three nodes on loopback: import, kill, restart, renew", NULL, demo_options,
	        0, 0, cli_demo },
	{ "activate", "ID", "activate a certificate that an import left Staged", NULL,
	        activate_options, 1, 1, cli_activate },
	{ "cert import", "FILE...", "import certificate and key; activates itself when it is safe",
	        "PEM, DER and PKCS#12, several files at once. Key material goes through the door, "
	        "never through the API.",
	        import_options, 1, 64, cli_cert_import },
	{ "cert list", "", "all certificates, those of the CA pool too",
	        "Times are UTC. A Retired one shows the day on which it may go.", list_options, 0,
	        0, cli_cert_list },
	{ "cert show", "ID...", "everything about certificates", NULL, NULL, 1, 256,
	        cli_cert_show },
	{ "cert inspect", "FILE...", "what import would say; needs no daemon", NULL,
	        inspect_options, 1, 64, cli_cert_inspect },
	{ "cert delete", "ID...", "delete certificates and their keys everywhere", NULL,
	        delete_options, 1, 1000, cli_cert_delete },
	{ "cert retire", "ID...", "take certificates out of service, keep them for a rollback",
	        "Refuses what is a default, or the only cover of a hostname, unless forced.",
	        delete_options, 1, 1000, cli_cert_retire },
	{ "cert rename", "ID NAME", "give a certificate another friendly name",
	        "Names are unique among the certificates that are not Retired.", NULL, 2, 2,
	        cli_cert_rename },
	{ "cert create", "", "make a self-signed certificate, for tests and first steps",
	        "Mobile and Linux clients refuse it until their software knows it. " KEY_COST,
	        create_options, 0, 0, cli_cert_create },
	{ "csr create", "", "make a key and a certificate request for a CA",
	        "--from copies a certificate and takes a new key (re-key); --same-key keeps the "
	        "key.\n" KEY_COST,
	        csr_options, 0, 0, cli_csr_create },
	{ "csr list", "", "open certificate requests", NULL, NULL, 0, 0, cli_csr_list },
	{ "csr show", "ID", "one request, with its data for the CA", NULL, pem_option, 1, 1,
	        cli_csr_show },
	{ "csr install", "ID FILE...", "the CA's answer to a request: certificate and chain",
	        "PEM, DER or PKCS#7, in any order. The key is that of the request, which ends.",
	        import_options, 2, 65, cli_csr_install },
	{ "csr cancel", "ID...", "drop requests and their keys", NULL, NULL, 1, MANY,
	        cli_csr_cancel },
	{ "default show", "", "what a client gets that sends no name or an unknown one", NULL, NULL,
	        0, 0, cli_default_show },
	{ "default set", "ID", "choose the default certificate", NULL, default_options, 1, 1,
	        cli_default_set },
	{ "default clear", "", "drop a node's own choice", NULL, clear_options, 0, 0,
	        cli_default_clear },
	{ "coverage check", "[HOST...]", "hostnames that no certificate covers", NULL, exit_option,
	        0, MANY, cli_coverage_check },
	{ "coverage matrix", "", "each hostname against what would be served", NULL, NULL, 0, 0,
	        cli_coverage_matrix },
	{ "coverage match", "HOST...", "whether a certificate file covers names; needs no daemon",
	        NULL, match_options, 1, MANY, cli_coverage_match },
	{ "node list", "", "all nodes", NULL, NULL, 0, 0, cli_node_list },
	{ "node show", "NAME", "one node", NULL, NULL, 1, 1, cli_node_show },
	{ "node set", "NAME", "change a node's hostnames or address", NULL, set_options, 1, 1,
	        cli_node_set },
	{ "node remove", "NAME", "take a node out of the cluster", NULL, NULL, 1, 1,
	        cli_node_remove },
	{ "node token create", "", "a one-time token with which a host joins",
	        "Prints one line; give it to `certspan join` on the new host.", token_options, 0, 0,
	        cli_node_token },
	{ "setting list", "", "the cluster's settings", NULL, NULL, 0, 0, cli_setting_list },
	{ "setting get", "NAME", "one setting", NULL, NULL, 1, 1, cli_setting_get },
	{ "setting set", "NAME VALUE", "change a setting", NULL, uncovered_options, 2, 2,
	        cli_setting_set },
	{ "sync status", "", "how far each node is", NULL, NULL, 0, 0, cli_sync_status },
	{ "sync wait", "", "wait until the nodes have a change", NULL, wait_options, 0, 0,
	        cli_sync_wait },
	{ "config check", "[FILE]", "read the configuration; errors with line and column", NULL,
	        NULL, 0, 1, cli_config_check },
	{ "config show", "", "the configuration in effect, defaults included", NULL, NULL, 0, 0,
	        cli_config_show },
	{ "config example", "", "a commented configuration that works", NULL, NULL, 0, 0,
	        cli_config_example },
	{ "cert export", "ID...", "certificates, chains and keys as files for others",
	        "A private key needs a passphrase of at least 12 characters, leaves through the "
	        "door, on the primary, and is recorded: see `certspan cert exports`. Nothing is "
	        "removed here.",
	        export_options, 1, 256, cli_cert_export },
	{ "cert exports", "[ID]", "which keys have left, when, and by whom", NULL, NULL, 0, 1,
	        cli_cert_exports },
	{ "key status", "", "the key process and the recovery file", NULL, NULL, 0, 0,
	        cli_key_status },
	{ "key recovery", "", "make the recovery file, or prove that one works",
	        "The file holds the cluster's secret under its passphrase. Keep both away from the "
	        "cluster, and apart.",
	        recovery_options, 0, 0, cli_key_recovery },
	{ "key lock", "", "drop all keys and secrets from this node's memory",
	        "Resumed sessions and open connections go on; new handshakes fail. The lock lasts "
	        "until `certspan key unlock` or the next start of the key process.",
	        NULL, 0, 0, cli_key_lock },
	{ "key unlock", "", "bring them back, from the key file or a recovery file", NULL,
	        unlock_options, 0, 0, cli_key_unlock },
	{ "support bundle", "FILE.zip", "facts and public certificates for a support case; no key",
	        "Searches its own output and writes nothing if there is anything like a key in it. "
	        "Works without the daemon too, with what the files of this host say.",
	        support_options, 1, 1, cli_support_bundle },
	{ "completion", "SHELL", "completion for bash or zsh, to be sourced",
	        "bash: source <(certspan completion bash); zsh: the same, after compinit.", NULL, 1,
	        MANY, cli_completion },
	{ "chain set", "ID", "choose which issuers are served with a certificate", NULL,
	        chain_options, 1, 1, cli_chain_set },
	{ "chain show", "ID", "what is served with a certificate, and what is missing", NULL, NULL,
	        1, 1, cli_chain_show },
	{ "chain build", "", "the way from a certificate to a root; needs no daemon", NULL,
	        build_options, 0, 0, cli_chain_build },
	{ "version", "", "version of certspan and its libraries", NULL, NULL, 0, 0, cli_version },
	{ "help", "[COMMAND]", "this list, or one command", NULL, help_options, 0, 4, cli_help },
};
const size_t cli_command_count = CS_COUNT(cli_commands);
