#!/bin/sh
# Makes what the end-to-end tests need and no system package offers, in target/tools:
# tauri-driver (WebDriver for the desktop app) and a Python environment with PESQ.
# Does nothing, quickly, where it is there already.
set -eu
cd "$(dirname "$0")"
tools=$(realpath -m ../../target/tools)
driver_version=2.1.0

if ! [ -x "$tools/bin/tauri-driver" ] || ! grep -q "^\"tauri-driver $driver_version " "$tools/.crates.toml"; then
    CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked tauri-driver --version "$driver_version" --root "$tools"
    rm -rf "$tools/build"
fi

wanted=$(sha256sum requirements.txt)
if [ "$(cat "$tools/python/installed" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$tools/python"
    python3 -m venv "$tools/python" || {
        echo "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv python3-dev gcc" >&2
        exit 1
    }
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
    echo "$wanted" >"$tools/python/installed"
fi
