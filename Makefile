# Thin: every line calls cargo, npm or xtask. `make run` and `make test` need nothing done before.
.PHONY: run test bench lint cross screenshots setup setup-test ui

run: setup
	@cargo xtask run

# One build in one profile, of all packages at once: cargo would compile the libraries anew for
# every other choice of packages, because each choice needs other features of them.
test: setup-test lint-ui lint-rust
	npm test
	npm run test:browser
	cargo build --locked --workspace
	cargo test --locked --workspace

bench: setup-test ui
	cargo xtask bench

lint: setup lint-ui lint-rust

# A picture of every view in both themes and several sizes, in screenshots/.
screenshots: setup-test ui
	npm run screenshots

# Type-checks for Windows and macOS, where the compilers for it are; says so where they are not.
cross: setup ui
	cargo xtask cross

.PHONY: lint-rust lint-ui
lint-rust: ui
	cargo fmt --all --check
	cargo xtask tidy
	cargo clippy --locked --workspace --all-targets -- -D warnings

lint-ui:
	npm run lint
	npm run check

# The app's binary and the server's carry the UI, so it is built before them.
ui:
	npm run build

setup:
	sh xtask/setup.sh build

setup-test:
	sh xtask/setup.sh test
