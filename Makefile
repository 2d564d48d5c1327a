# Two commands do all for a newcomer: `make demo` and `make test`. Both install what is missing.

# Outside the checkout, so that a fresh clone builds in seconds.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/limosa/target
FUZZ_SECONDS ?= 60
SOAK_RUNS ?= 300

.PHONY: help demo test check unit fuzz soak bench bench-quick build-bench build prepare clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

demo: prepare ## Move seeded mailboxes between two real servers, and show what happened
	@tools/demo

test: prepare check unit fuzz ## Everything that CI runs

check: ## Formatting, lints, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	tools/licences

unit: ## All tests, real servers included
	cargo run --quiet --locked -p limosa-lab -- deps
	cargo test --workspace --locked

fuzz: ## Feed the IMAP decoder garbage for FUZZ_SECONDS
	fuzz/run $(FUZZ_SECONDS)

soak: prepare ## Break connections, servers and the program SOAK_RUNS times
	cargo run --quiet --locked -p limosa-lab -- deps
	LIMOSA_SOAK_RUNS=$(SOAK_RUNS) cargo test --locked -p limosa --test servers -- soak --nocapture

bench: build-bench ## Measure beside other programs and raw limits, into docs/benchmarks (half an hour, on a quiet machine)
	"$(CARGO_TARGET_DIR)/release/limosa-bench" $(BENCH)

bench-quick: build-bench ## The same with small workloads, kept apart (under two minutes)
	"$(CARGO_TARGET_DIR)/release/limosa-bench" --scale 0.04 --rounds 1 --limit 8 --out "$(CARGO_TARGET_DIR)/bench-quick" $(BENCH)

build-bench: prepare
	cargo build --release --locked -p limosa -p limosa-bench

build: prepare ## Build the release binary
	cargo build --release --locked -p limosa
	@echo "built $(CARGO_TARGET_DIR)/release/limosa"

prepare:
	@tools/prepare

clean: ## Remove what was built and downloaded
	rm -rf "$(CARGO_TARGET_DIR)" "$(HOME)/.cache/limosa/lab"
