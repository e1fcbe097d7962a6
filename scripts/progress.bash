# Progress for people who wait. Sourced by the scripts beside it; everything goes to stderr, so that stdout stays a
# result.
# shellcheck shell=bash

say() { printf '==> %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# elapsed SINCE: the time since SECONDS had the value SINCE, as 3:07.
elapsed() {
    local seconds=$((SECONDS - $1))
    printf '%d:%02d' $((seconds / 60)) $((seconds % 60))
}

# heartbeat WHAT LOG SINCE: shows that WHAT is still going on, and the last line of LOG, until killed or until the
# script is gone: one line that is rewritten each second on a terminal, a new line every 10 s elsewhere. Waits by
# reading a pipe on which nothing ever arrives, because a `sleep` would outlive the kill and hold our caller's pipes
# open.
heartbeat() {
    local what=$1 log=$2 since=$3 format='    %s: %s  %.60s\n' interval=10 silence
    if [[ -t 2 ]]; then format='\r\033[K    %s: %s  %.60s' interval=1; fi
    exec {silence}<> <(:)
    while ! read -r -t "$interval" -u "$silence" && kill -0 $$ 2>/dev/null; do
        # shellcheck disable=SC2059 # one of the two above
        printf "$format" "$what" "$(elapsed "$since")" "$(tail -n 1 "$log" | tr -dc '[:print:]')" >&2
    done
}

# run_logged WHAT LOG COMMAND [ARGUMENT...]: runs a command or function with its output appended to LOG, showing a
# heartbeat and the time it took. A failure ends the script with the log's last 30 lines. Call it as a plain
# statement: after `if` or before `||`, bash would let a function given as COMMAND run on after an error.
run_logged() {
    local what=$1 log=$2 since=$SECONDS status=0 beat
    shift 2
    say "$what"
    : >>"$log"
    heartbeat "$what" "$log" "$since" &
    beat=$!
    set +e
    (
        set -e
        "$@"
    ) >>"$log" 2>&1
    status=$?
    set -e
    kill "$beat" 2>/dev/null || true
    wait "$beat" 2>/dev/null || true
    if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
    if ((status != 0)); then
        tail -n 30 "$log" >&2
        fail "$what failed with status $status after $(elapsed "$since"). The whole log: $log"
    fi
    if ((SECONDS - since > 1)); then printf '    done in %s\n' "$(elapsed "$since")" >&2; fi
}
