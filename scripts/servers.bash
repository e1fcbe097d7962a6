# Server processes that never outlive the script that starts them. Sourced by the scripts beside it; logs go to the
# working directory.
# shellcheck shell=bash

# server name -> process id
declare -A pid=()

# close_descriptors: closes all but stdin, stdout, stderr and 255, from which bash reads the script. A caller may have
# left the other end of our stdin open in us, by which we would never see it end; and a server must hold none of our
# pipes and locks.
close_descriptors() {
    local descriptor
    for descriptor in "/proc/$BASHPID/fd/"*; do
        descriptor=${descriptor##*/}
        if ((descriptor > 2 && descriptor != 255)); then exec {descriptor}>&-; fi
    done
}

# launch NAME COMMAND [ARGUMENT...]: starts a server that cannot outlive this script even if it is killed with
# SIGKILL, and that holds none of its pipes or locks open. Its output goes to NAME.log.
launch() {
    local name=$1
    shift
    # Here and not by the redirection below, which happens in the child: nobody may read the log of the run before.
    : >"$name.log"
    {
        close_descriptors
        exec setpriv --pdeathsig KILL "$@"
    } </dev/null >>"$name.log" 2>&1 &
    pid[$name]=$!
}

# Asks bash rather than the kernel, where the number may belong to another process by now.
is_alive() { jobs -rp | grep -qx "${pid[$1]:-none}"; }

stop() {
    if [[ -z ${pid[$1]:-} ]]; then return; fi
    if is_alive "$1"; then kill -KILL "${pid[$1]}" 2>/dev/null || true; fi
    # bash reports a killed job on stderr when it collects it.
    { wait "${pid[$1]}" || true; } 2>/dev/null
    unset "pid[$1]"
}


# await NAME CONDITION...: waits until CONDITION holds. Fails when the server exits, or after two minutes.
await() {
    local name=$1 deadline=$((SECONDS + 120))
    shift
    until "$@"; do
        if ! is_alive "$name" || ((SECONDS >= deadline)); then return 1; fi
        pause 0.03
    done
}

# pause SECONDS: a sleep that signals interrupt.
pause() {
    [[ -n ${silence:-} ]] || exec {silence}<> <(:)
    read -r -t "$1" -u "$silence" || true
}
