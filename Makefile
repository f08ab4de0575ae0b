# Two commands on a fresh Debian machine with rustup and node: `make demo` and `make test`. `make help` lists the rest.
# Builds are kept outside the checkout, so that a second clone starts warm.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sgcr/target
SGCR = $(CARGO_TARGET_DIR)/debug/sgcr

.PHONY: demo test page bench verify verify-internvideo2 help
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

demo: ## install what is missing, build and serve the demo with the shipped model
	.ci/setup
	$(MAKE) page
	cargo build --bin sgcr
	$(SGCR) serve

test: ## install what is missing and run every test
	.ci/setup
	.ci/test

page: ## build the web module, the npm package and the demo page
	cd pkg && npm run build

bench: ## measure against PyTorch and onnxruntime-web, side by side (long)
	.ci/setup
	$(MAKE) page
	tests/bench/run

verify: ## check ViCLIP-B/16 at its real shape against the reference numbers (about a minute)
	cargo run --release --example verify_viclip_b16

verify-internvideo2: ## the same of InternVideo2-1B (8 GB of memory, some minutes)
	cargo run --release --example verify_internvideo2_1b
