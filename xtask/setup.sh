#!/bin/sh
# Gets what building (`setup.sh build`) or building and testing (`setup.sh test`) need and this
# machine lacks. Quick where nothing is missing. On Debian it installs packages, as root or with
# sudo; elsewhere it says what is missing and how to get it.
set -eu
cd "$(dirname "$0")/.."

build_packages="build-essential cmake file libasound2-dev libayatana-appindicator3-dev libclang-dev libgtk-3-dev
    libpipewire-0.3-dev librsvg2-dev libssl-dev libwebkit2gtk-4.1-dev libxdo-dev nasm patchelf pkg-config"
test_packages="chromium chromium-driver dbus espeak-ng gnome-keyring imagemagick iproute2 openbox pipewire pipewire-pulse pulseaudio-utils
    python3-dev python3-venv webkit2gtk-driver wireplumber xdotool xvfb"

purpose=${1:-build}
packages=$build_packages
[ "$purpose" = build ] || packages="$packages $test_packages"

say() { printf '%s\n' "$*" >&2; }

# True when version $1 is at least $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# require NAME WANTED FOUND HOW-TO-GET-IT: collects what people have to install themselves.
lacking=
require() {
    if [ -z "$3" ]; then
        lacking="$lacking
  $1 $2 or newer is missing: $4"
    elif ! at_least "$3" "$2"; then
        lacking="$lacking
  $1 is $3, but $2 or newer is needed: $4"
    fi
}

require_toolchains() {
    rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    node_wanted=$(sed -n 's/.*"node": ">=\(.*\)".*/\1/p' package.json)
    require Rust "$rust_wanted" "$(rustc --version 2>/dev/null | cut -d ' ' -f 2)" \
        "get it by https://rustup.rs, or run 'rustup update stable'"
    require Node.js "$node_wanted" "$(node --version 2>/dev/null | tr -d v)" \
        "get it from https://nodejs.org/en/download"
    require npm 9 "$(npm --version 2>/dev/null)" "it comes with Node.js"
    if [ -n "$lacking" ]; then
        say "Voicehall cannot be built yet:$lacking"
        exit 1
    fi
}

# Prints those of $packages that are not installed.
missing_packages() {
    for package in $packages; do
        case $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

install_packages() {
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    say "Installing: $missing"
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null; then
        as_root=sudo
    else
        say "That needs root. Run as root, then try again:"
        say "  apt-get install $missing"
        exit 1
    fi
    # An archive folder of its own: hooks of the usual one delete archives during a large install.
    archives=$(mktemp -d)
    mkdir "$archives/partial"
    $as_root apt-get -q update
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o Dir::Cache::archives="$archives" install $missing
    $as_root rm -rf "$archives"
}

# Without Debian's package manager: the tools and libraries themselves, by what they are asked for.
report_missing() {
    absent=
    for tool in cc c++ cmake make nasm pkg-config; do
        command -v "$tool" >/dev/null || absent="$absent $tool"
    done
    case $(uname -s) in
    Linux)
        for library in alsa libpipewire-0.3 webkit2gtk-4.1 gtk+-3.0 ayatana-appindicator3-0.1 librsvg-2.0; do
            pkg-config --exists "$library" 2>/dev/null || absent="$absent $library"
        done
        ;;
    esac
    if [ "$purpose" != build ]; then
        for tool in Xvfb openbox WebKitWebDriver pipewire wireplumber pactl dbus-daemon chromium chromedriver xdotool espeak-ng ip python3; do
            command -v "$tool" >/dev/null || absent="$absent $tool"
        done
    fi
    if [ -n "$absent" ]; then
        say "Packages are installed by themselves on Debian 12 only. Missing here:$absent"
        say "Debian has them in these packages; your system has the like:"
        say "  $(echo $packages)"
        exit 1
    fi
}

install_node_modules() {
    stamp=node_modules/.lock-installed
    if ! cmp -s package-lock.json "$stamp"; then
        npm ci --no-audit --no-fund
        cp package-lock.json "$stamp"
    fi
}

require_toolchains
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_packages
else
    report_missing
fi
install_node_modules
[ "$purpose" = build ] || sh tests/e2e/tools.sh
