# The Debian packages the project's scripts rely on. Sourced by the scripts beside it, after progress.bash.
# shellcheck shell=bash

declare -A package_purpose=(
    [curl]="asking the API server whether it is ready"
    [dpkg-dev]="unpacking Debian source packages"
    [etcd-server]="etcd, the database under the API server"
    [golang-github-modern-go-reflect2-dev]="a reflect2 that works with Go 1.18 and later"
    [golang-go]="the Go compiler that builds kube-apiserver"
    [kubernetes-client]="kubectl"
    [libcurl4-openssl-dev]="the HTTP client"
    [libhiredis-dev]="the Redis protocol parser"
    [libssl-dev]="TLS for Redis, certificates and signatures"
    [libyaml-dev]="the YAML parser"
    [openssl]="certificates for tests and the demo"
    [redis-server]="a real Redis for the tests"
    [zlib1g-dev]="compressed state"
)

# missing_packages PACKAGE...: prints those that are not installed, one per line.
missing_packages() {
    local package status
    local -A installed=()
    # dpkg-query complains about, and fails for, names it has never heard of; those are missing.
    while read -r package status; do
        if [[ $status == installed ]]; then installed[$package]=yes; fi
    done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        if [[ -z ${installed[$package]:-} ]]; then printf '%s\n' "$package"; fi
    done
}

# require_packages PACKAGE...: installs what is missing, saying what each is for.
require_packages() {
    local -a missing=() root=()
    local package log
    command -v dpkg-query >/dev/null || fail "this needs Debian's dpkg and apt. On another system install by hand: $*"
    mapfile -t missing < <(missing_packages "$@")
    if ((${#missing[@]} == 0)); then return; fi
    say "missing Debian packages:"
    for package in "${missing[@]}"; do
        printf '    %s: %s\n' "$package" "${package_purpose[$package]:-needed by the build}" >&2
    done
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "neither root nor sudo. As root: apt-get install ${missing[*]}"
        sudo -v || fail "sudo refused. As root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    log=$(mktemp "${TMPDIR:-/tmp}/honua-apt.XXXXXX.log")
    run_logged "installing ${#missing[@]} packages" "$log" \
        "${root[@]}" "$(dirname "${BASH_SOURCE[0]}")/apt-install" "${missing[@]}"
    rm -f "$log"
}
