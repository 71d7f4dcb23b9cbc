# certspan. Two commands: `make demo` shows it working, `make test` proves it.
# `make help` lists the targets. V=1 shows the commands; VARIANT=release|asan|tsan picks the build.

VARIANT ?= release
B ?= build/$(VARIANT)
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)" "$(2)")

WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
HARDEN := -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
FLAGS_release := -O2 $(HARDEN)
FLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer
FLAGS_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK_release := -pie -Wl,-z,relro,-z,now
LINK_asan := -fsanitize=address,undefined
LINK_tsan := -fsanitize=thread
LINK_fuzz := -fsanitize=address,undefined

VERSION := $(shell cat VERSION)
CPPFLAGS += -I. -isystem $(B)/gen -D_GNU_SOURCE -DOPENSSL_NO_DEPRECATED -DOPENSSL_API_COMPAT=30000 \
	-DCERTSPAN_VERSION='"$(VERSION)"'
CFLAGS += -std=gnu11 -g -fno-strict-aliasing $(WARN) $(FLAGS_$(VARIANT))
LDFLAGS += -Wl,--as-needed $(LINK_$(VARIANT))
pkg = $(shell pkg-config --libs $(1))

# Folders, one static library each, in the order in which they may use one another.
FOLDERS := proto store replicator tls-edge node
GEN := $(patsubst %.proto,$(B)/gen/%.pb-c.c,$(wildcard proto/wire/*.proto))
sources = $(filter-out %/main.c,$(wildcard $(1)/*.c $(1)/*/*.c $(1)/*/*/*.c))
objects = $(patsubst %.c,$(B)/%.o,$(call sources,$(1)))
lib = $(B)/lib$(1).a

# program = main file | folders linked, uppermost first | pkg-config names
PROGRAMS := certspan certspand certspan-keyd certspan-replicator certspan-edge certspan-prober certspan-admin certspan-import
certspan.main := node/cli/main.c
certspan.libs := node store proto
certspan.pkgs := libssl libcrypto lmdb libprotobuf-c libsodium libcyaml jansson libcurl libpsl libzip
certspand.main := node/supervisor/main.c
certspand.libs := node proto
certspand.pkgs := libprotobuf-c libsodium libcyaml
certspan-keyd.main := node/keyd/main.c
certspan-keyd.libs := node store proto
certspan-keyd.pkgs := libcrypto lmdb libprotobuf-c libsodium libseccomp
certspan-replicator.main := replicator/main.c
certspan-replicator.libs := replicator store proto
certspan-replicator.pkgs := libcrypto libzmq lmdb libprotobuf-c libsodium libseccomp
certspan-edge.main := tls-edge/main.c
certspan-edge.libs := tls-edge store proto
certspan-edge.pkgs := libssl libcrypto lmdb libprotobuf-c libsodium libseccomp
certspan-prober.main := node/prober/main.c
certspan-prober.libs := node store proto
certspan-prober.pkgs := libssl libcrypto libprotobuf-c libsodium libseccomp
certspan-admin.main := node/admin/main.c
certspan-admin.libs := node store proto
certspan-admin.pkgs := libcrypto libprotobuf-c libsodium jansson libmicrohttpd libseccomp libidn2 libpsl
certspan-import.main := node/import/main.c
certspan-import.libs := node store proto
certspan-import.pkgs := libcrypto libprotobuf-c libsodium libseccomp jansson

BUILT := $(foreach p,$(PROGRAMS),$(if $(wildcard $($(p).main)),$(B)/bin/$(p)))
TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c tests/unit/*/test_*.c))
TOOLS := $(patsubst %.c,$(B)/%,$(wildcard tests/tools/*.c))
TEST_SUPPORT := $(patsubst %.c,$(B)/%.o,$(filter-out %/test_%,$(wildcard tests/unit/*.c)))
TEST_LIBS := $(foreach f,node tls-edge replicator store proto,$(if $(call sources,$(f)),$(call lib,$(f))))
ALL_PKGS := cmocka libssl libcrypto libzmq lmdb libprotobuf-c libsodium libcyaml jansson libmicrohttpd libcurl libseccomp libidn2 libpsl libzip

.PHONY: all man tools unit-build fuzz-build deps deps-list demo test check check-all unit system lint layers asan ubsan tsan fuzz bench format metrics \
	install clean help sim sim-build
.SECONDARY:
.DELETE_ON_ERROR:

all: $(BUILT) ## build every program into build/VARIANT/bin

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

# Packages first: nothing is compiled before they are there. Only demo and test (and check...) may install.
MAY_INSTALL := $(if $(filter deps demo test check check-all system unit,$(MAKECMDGOALS)),install,check)
build/.deps-build: deploy/deps.sh
	$(Q)sh deploy/deps.sh $(MAY_INSTALL) build
	$(Q)mkdir -p build && touch $@
build/.deps-test: deploy/deps.sh
	$(Q)sh deploy/deps.sh $(MAY_INSTALL) test
	$(Q)mkdir -p build && touch $@ build/.deps-build

deps: build/.deps-test ## install what building and testing need (as root), or print the line to run
deps-list: ## the Debian packages, build and test apart
	@sh deploy/deps.sh list

$(B)/gen/%.pb-c.c: %.proto | build/.deps-build
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(B)/gen && protoc-c --proto_path=. --c_out=$(B)/gen $<
$(B)/gen/%.o: $(B)/gen/%.c
	$(Q)$(CC) -I$(B)/gen $(filter-out -Werror -W%,$(CFLAGS)) -c -o $@ $<
$(B)/%.o: %.c | build/.deps-build $(GEN)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define folder_rules
$(call lib,$(1)): $(call objects,$(1)) $(if $(filter proto,$(1)),$(GEN:.c=.o))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

define program_rules
$(B)/bin/$(1): $(patsubst %.c,$(B)/%.o,$($(1).main)) $(foreach f,$($(1).libs),$(call lib,$(f)))
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call pkg,$($(1).pkgs)) -lpthread
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(TEST_SUPPORT) $(TEST_LIBS) | build/.deps-test
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(TEST_SUPPORT) $(TEST_LIBS) $(call pkg,$(ALL_PKGS)) -lpthread

demo: build/.deps-build ## a cluster of three nodes on loopback, in 20 seconds
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)$(B)/bin/certspan demo $(DEMO)

unit: $(TESTS) ## unit tests alone
	$(Q)python3 tests/run.py --build $(B) unit
system: all $(TOOLS) ## tests on the real binaries alone
	$(Q)python3 tests/run.py --build $(B) system
test: build/.deps-test ## everything that proves it; ends with one summary line
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all $(TESTS) $(TOOLS) $(SIMS)
	$(Q)/usr/bin/python3 tests/run.py --build $(B)
check: test
asan: ## unit and system tests under AddressSanitizer and UBSan
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan all unit-build tools
	$(Q)/usr/bin/python3 tests/run.py --build build/asan unit system
ubsan: asan
unit-asan: build/.deps-test ## unit tests alone under AddressSanitizer and UBSan
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan all unit-build
	$(Q)/usr/bin/python3 tests/run.py --build build/asan unit
unit-build: $(TESTS)
tools: $(TOOLS)
fuzz: ## every fuzz target for FUZZ_SECONDS (default 20) each
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) VARIANT=fuzz CC=clang fuzz-build build/fuzz/seeds/.made
	$(Q)/usr/bin/python3 tests/run.py --build build/fuzz fuzz
build/fuzz/seeds/.made: tests/fuzz/seeds.py proto/wire/packet.h
	$(call say,SEEDS,$(@D))
	$(Q)rm -rf $(@D) && mkdir -p $(@D) && /usr/bin/python3 $< $(@D) && touch $@
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz-build: $(FUZZERS)
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(TEST_LIBS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(call pkg,$(ALL_PKGS)) -lpthread
check-all: test asan fuzz ## everything, slow parts too
	$(Q)$(B)/tests/sim/sim -s 100000 -r 10000
lint: ## format, includes, banned calls, shell scripts
	$(Q)/usr/bin/python3 tests/lint/lint.py
layers: ## dependencies run one way
	$(Q)/usr/bin/python3 tests/lint/layers.py
metrics: ## size of functions and files
	$(Q)/usr/bin/python3 tests/lint/metrics.py
format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i
$(B)/tests/bench/%: $(B)/tests/bench/%.o
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg,libssl libcrypto)
$(B)/tests/bench/mint $(B)/tests/bench/chains: $(B)/tests/bench/%: $(B)/tests/bench/%.o $(call lib,store) $(call lib,proto)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg,libcrypto lmdb libprotobuf-c libsodium)
$(B)/tests/tools/%: $(B)/tests/tools/%.o $(call lib,store) $(call lib,proto)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg,libcrypto lmdb libprotobuf-c libsodium)
# The simulator: its own copy of the pure cores, so that a rule can be taken out of it (RULE=mark ...).
SIM_SOURCES := $(wildcard tests/sim/*.c) $(wildcard replicator/core/*.c)
SIM_RULES := mark release own_edge digest epoch chain floor winner absence sync_set
SIMS := $(B)/tests/sim/sim $(foreach r,$(SIM_RULES),$(B)/tests/sim/without_$(r))
define sim_rules
$(B)/tests/sim/$(1): $(patsubst %.c,$(B)/sim/$(1)/%.o,$(SIM_SOURCES)) $(call lib,proto)
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call pkg,libprotobuf-c libsodium)
$(B)/sim/$(1)/%.o: %.c | build/.deps-build $(GEN)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(CPPFLAGS) $$(CFLAGS) $(2) -MMD -MP -c -o $$@ $$<
endef
$(eval $(call sim_rules,sim,))
$(foreach r,$(SIM_RULES),$(eval $(call sim_rules,without_$(r),-DSIM_WITHOUT_$(shell echo $(r) | tr a-z A-Z))))
SEED ?= 1
RUNS ?= 1000
sim: $(B)/tests/sim/sim ## the replication rules on a fake network: SEED=n RUNS=m
	$(Q)$< -s $(SEED) -r $(RUNS)
sim-build: $(SIMS)
bench: all $(B)/tests/bench/tlsload $(B)/tests/bench/mint $(B)/tests/bench/chains ## measure, with the floors of the same run; BENCH=list,import picks parts; writes build/bench.json
	$(Q)/usr/bin/python3 tests/bench/bench.py --build $(B) $(if $(BENCH),--only $(BENCH))

SHARED_FOLDERS := man/man1 man/man5 man/man8 certspan bash-completion/completions zsh/site-functions
install: all ## DESTDIR and PREFIX as usual
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/libexec/certspan
	install -m 755 $(B)/bin/certspan $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(B)/bin/certspand $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(filter $(B)/bin/certspan-%,$(BUILT)) $(DESTDIR)$(PREFIX)/libexec/certspan/
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,$(SHARED_FOLDERS))
	install -m 644 deploy/man/certspan.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 deploy/man/certspan.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 deploy/man/certspand.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 deploy/openapi.yaml deploy/certspan.yaml $(DESTDIR)$(PREFIX)/share/certspan/
	$(B)/bin/certspan completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/certspan
	$(B)/bin/certspan completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_certspan
man: all ## write the manual pages that come from the command table
	$(Q)deploy/man/make.sh $(B)/bin/certspan deploy/man
clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
